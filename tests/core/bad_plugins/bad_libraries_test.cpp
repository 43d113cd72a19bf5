// Libraries that are wrong inside.
#include "bad_case.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace fvattn;
using namespace fvattn::test;

namespace {

void check_library(const std::string& built, const Refused& expected) {
  Zoo zoo;
  zoo.add_good();
  const std::string path = zoo.add("bad", built, bad_manifest());
  check_refused(zoo, path, expected);
}

}  // namespace

TEST_CASE("another major version by its symbol") {
  check_library("major_symbol", {"elf", "FVP-1", "another major version of the plugin ABI; got fvattn_plugin_entry_v2"});
}
TEST_CASE("another major version by its table") {
  check_library("major_table", {"register", "FVP-4", "another major version of the ABI; got 2"});
}
TEST_CASE("no entry point") { check_library("missing_symbol", {"elf", "FVP-1", "exports no entry point"}); }
TEST_CASE("a symbol that nobody has") {
  check_library("unresolved_symbol", {"load", "FVP-12", "fvattn_test_no_such_function"});
}
TEST_CASE("an exception out of the entry point") {
  check_library("throws_in_entry", {"entry", "FVP-2", "let an exception out: out of the blue"});
}
TEST_CASE("a plugin's table that is too small") {
  check_library("plugin_size_lie", {"register", "FVP-3", "the plugin's table lies about its size; got 16 bytes"});
}
TEST_CASE("a backend's table that is too large") {
  check_library("backend_size_lie",
                {"register", "FVP-3", "the table of backend 0 lies about its size; got 2147483647 bytes"});
}
TEST_CASE("a refusal of its own") { check_library("refuses", {"entry", "", "the plugin refuses: no licence was found"}); }
TEST_CASE("a required function that is missing") {
  check_library("empty_slot", {"register", "FVP-4", "leaves a required function empty; got forward"});
}
TEST_CASE("a critical extension") { check_library("critical_extension", {"register", "FVP-5", "critical extension"}); }
TEST_CASE("another id than the manifest's") {
  check_library("other", {"register", "FVH-5", "another id than its manifest; got test.other"});
}

TEST_CASE("-ffast-math, and the thread computes as before") {
#if defined(__x86_64__)
  const unsigned before = _mm_getcsr();
#endif
  check_library("fast_math", {"load", "FVP-6", "floating-point control word"});
  volatile double tiny = 4.9406564584124654e-324;
  CHECK(tiny / 1.0 != 0.0);
#if defined(__x86_64__)
  CHECK((_mm_getcsr() & 0x8040) == (before & 0x8040));
#endif
}

TEST_CASE("-ffast-math is remembered where the linker gives the same library again") {
  Zoo zoo;
  const std::string path = zoo.add("bad", "fast_math", bad_manifest());
  CHECK_FALSE(zoo.registry().find("BAD_ATTN").ok());
  Registry again(zoo.environment());
  const auto found = again.find("BAD_ATTN");
  REQUIRE_FALSE(found.ok());
  CHECK_CONTAINS(found.status().text(), "floating-point control word");
}
