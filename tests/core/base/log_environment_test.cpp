// Runs with FASTVIDEO_ATTENTION_LOG=warn,select=debgu.
#include "core/support/contains.hpp"
#include "core/support/log_capture.hpp"

#include <fvattn/environment.hpp>

#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

using namespace fvattn;

namespace {

// What the process writes to standard error while `work` runs.
template <class Work>
std::string standard_error_of(Work work) {
  const fvattn::test::TemporaryFolder folder;
  const std::string path = folder.write("stderr", "");
  const int saved = dup(STDERR_FILENO), file = open(path.c_str(), O_WRONLY | O_APPEND);
  dup2(file, STDERR_FILENO);
  work();
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(file);
  return fvattn::test::read_text(path);
}

}  // namespace

TEST_CASE("a bad FASTVIDEO_ATTENTION_LOG is said once and warnings stay on") {
  REQUIRE(std::getenv(env::kLog) != nullptr);
  const std::string written = standard_error_of([] {
    log(LogLevel::warn, "load", "a warning");
    log(LogLevel::info, "load", "not wanted");
    log(LogLevel::warn, "load", "another warning");
  });
  CHECK(fvattn::test::count_of(written, "FASTVIDEO_ATTENTION_LOG is not used; got warn,select=debgu") == 1);
  CHECK_CONTAINS(written, "fvattn [warning] load: a warning");
  CHECK_CONTAINS(written, "another warning");
  CHECK_LACKS(written, "not wanted");
}
