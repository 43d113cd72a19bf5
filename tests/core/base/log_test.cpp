#include "core/support/contains.hpp"
#include "core/support/log_capture.hpp"

#include <thread>
#include <vector>

using namespace fvattn;
using fvattn::test::LogCapture;

TEST_CASE("lines carry level and topic, and those below the level are left out") {
  const LogCapture capture("warn,select=debug");
  log(LogLevel::debug, "select", "shown");
  log(LogLevel::info, "load", "hidden");
  log(LogLevel::error, "load", "also shown");
  log(LogLevel::info, "a topic of nobody", "hidden too");
  CHECK_CONTAINS(capture.text(), "[debug] select: shown");
  CHECK_CONTAINS(capture.text(), "[error] load: also shown");
  CHECK_LACKS(capture.text(), "hidden");
  CHECK(log_enabled(LogLevel::debug, "select"));
  CHECK_FALSE(log_enabled(LogLevel::debug, "load"));
}

TEST_CASE("braces in a message are text, not a format") {
  const LogCapture capture("info");
  log(LogLevel::info, "select", "Available backends = {A, B} {} {0:d}");
  CHECK_CONTAINS(capture.text(), "Available backends = {A, B} {} {0:d}");
}

TEST_CASE("once per key, and a line that the level hides does not use the key up") {
  {
    const LogCapture capture("warn");
    log_once(LogLevel::info, "select", "log_test key", "first");
    CHECK(capture.text().empty());
  }
  const LogCapture capture("info");
  log_once(LogLevel::info, "select", "log_test key", "second");
  log_once(LogLevel::info, "select", "log_test key", "third");
  log_once(LogLevel::info, "select", "log_test other key", "fourth");
  CHECK_CONTAINS(capture.text(), "second");
  CHECK_LACKS(capture.text(), "third");
  CHECK_CONTAINS(capture.text(), "fourth");
}

TEST_CASE("a bad specification or file changes nothing") {
  const LogCapture capture("info");
  CHECK_FALSE(configure_log("inof"));
  CHECK_FALSE(configure_log("debug", "/proc/no such folder/log"));
  log(LogLevel::info, "select", "still here");
  log(LogLevel::debug, "select", "still hidden");
  CHECK_CONTAINS(capture.text(), "still here");
  CHECK_LACKS(capture.text(), "still hidden");
}

TEST_CASE("threads may log while the log is configured anew") {
  const fvattn::test::TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([t] {
      for (int i = 0; i < 200; ++i) log(LogLevel::info, "load", "thread " + std::to_string(t));
    });
  for (int i = 0; i < 20; ++i) CHECK(configure_log(i % 2 == 0 ? "info" : "off", folder.path("log" + std::to_string(i))));
  for (std::thread& writer : writers) writer.join();
  CHECK(configure_log("warn"));
}
