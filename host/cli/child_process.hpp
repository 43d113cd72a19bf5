// Runs a program and collects what it writes.
#pragma once

#include <fvattn/status.hpp>

#include <string>
#include <vector>

namespace fvattn::host {

struct ChildResult {
  int exit_code = -1;  // -1: it did not exit by itself
  int signal = 0;      // the signal that ended it
  bool timed_out = false;
  std::string output;  // standard output; standard error is shared
};

/// `arguments[0]` is the path. The child is killed after `timeout_s` seconds.
Result<ChildResult> run_child(const std::vector<std::string>& arguments, int timeout_s);

}  // namespace fvattn::host
