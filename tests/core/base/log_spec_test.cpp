#include "base/log_spec.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <unistd.h>

using namespace fvattn;

namespace {
int level(const char* spec, const char* topic) {
  const auto levels = parse_log_levels(spec);
  REQUIRE(levels.has_value());
  return levels->of(topic);
}
}  // namespace

TEST_CASE("nothing means warnings for all") {
  for (const char* spec : {"", "  "}) {
    CHECK(level(spec, "select") == static_cast<int>(LogLevel::warn));
    CHECK(level(spec, "some plugin's topic") == static_cast<int>(LogLevel::warn));
  }
}

TEST_CASE("a level for all and levels by topic, in any order") {
  for (const char* spec : {"info,select=debug", "select=debug,info", " info , select = debug "}) {
    CAPTURE(spec);
    CHECK(level(spec, "select") == static_cast<int>(LogLevel::debug));
    CHECK(level(spec, "load") == static_cast<int>(LogLevel::info));
  }
  CHECK(level("select=trace", "load") == static_cast<int>(LogLevel::warn));
  CHECK(level("off,load=error", "select") == kLogOff);
  CHECK(level("off,load=error", "load") == static_cast<int>(LogLevel::error));
}

TEST_CASE("what is not understood is refused as a whole") {
  for (const char* spec :
       {"loud", "select", "select=", "=debug", "select=loud", "shelect=debug", "info,", ",", "info;select=debug", "INFO"}) {
    CAPTURE(spec);
    CHECK_FALSE(parse_log_levels(spec).has_value());
  }
}

TEST_CASE("every topic of the interface is accepted") {
  for (const auto topic : kLogTopics) CHECK(parse_log_levels(std::string(topic) + "=trace").has_value());
}

TEST_CASE("the file's name takes process id and rank") {
  CHECK(expand_log_file("a-%p.log") == "a-" + std::to_string(getpid()) + ".log");
  CHECK(expand_log_file("100%%") == "100%");
  CHECK(expand_log_file("%x%") == "%x%");
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "RANK", "SLURM_PROCID"}) unsetenv(name);
  CHECK(expand_log_file("r%r") == "r0");
  setenv("RANK", "3", 1);
  CHECK(expand_log_file("r%r") == "r3");
  setenv("OMPI_COMM_WORLD_RANK", "5", 1);
  CHECK(expand_log_file("r%r") == "r5");
  unsetenv("OMPI_COMM_WORLD_RANK");
  unsetenv("RANK");
}
