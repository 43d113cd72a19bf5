// Sends the process's log to a file for one test, and back to standard error afterwards.
#pragma once

#include "temporary_folder.hpp"

#include <fvattn/log.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace fvattn::test {

class LogCapture {
 public:
  explicit LogCapture(std::string_view spec = "debug") {
    if (!configure_log(spec, folder_.path("log"))) throw std::runtime_error("the log cannot be configured");
  }
  ~LogCapture() { configure_log("warn"); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string text() const { return read_text(folder_.path("log")); }

 private:
  TemporaryFolder folder_;
};

}  // namespace fvattn::test
