// What is launched, and how it ended.
#pragma once

#include <fvattn/environment.hpp>
#include <fvattn/status.hpp>

#include <optional>
#include <string>
#include <vector>

namespace fvattn::host {

struct Job {
  int ranks = 0;
  std::vector<std::string> command;  // its first word is a file
  std::string hosts;                 // for mpirun; empty: this machine
  bool output_to_errors = false;     // what ranks print goes to standard error
};

struct Outcome {
  int exit_code = 0;  // of the first rank that failed; 128 + the signal that ended it
  std::optional<int> failed_rank, signal;
  std::optional<int> forwarded;  // the signal that this process got and passed on
};

/// "rank 2 was ended by signal 9 (Killed)"; empty if all is well.
std::string text_of(const Outcome& outcome);

/// By mpirun: CPUs. UNAVAILABLE if it is not installed.
Result<Outcome> run_by_mpirun(const Job& job, const Environment& environment);
/// As children of this process, with FASTVIDEO_ATTENTION_DIST_* and torchrun's variables set: GPUs of this machine. When one
/// fails the others are ended.
Result<Outcome> run_here(const Job& job);

}  // namespace fvattn::host
