// What fvattn bench dist is told.
#pragma once

#include <fvattn/status.hpp>

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace fvattn::bench::dist {

struct Options {
  bool to_stdout = false;  // --json without a file
  std::string file;        // --json FILE
  std::vector<std::string> transports{"peer", "ce", "nccl", "c10d"};
  std::string device = "auto";
  int threads = 0;  // ranks that are threads of this process; 0: this process is one of the ranks
  double seconds = 200;
  bool quick = false;
  double link_gbps = 0, peak_tflops = 0;  // what no figure may exceed; 0: found out
  std::vector<std::string> parts;         // of the run; all by default

  void add_to(CLI::App& app);
  Status check() const;
  bool has(const std::string& part) const;
};

}  // namespace fvattn::bench::dist
