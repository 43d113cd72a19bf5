#include "core/support/contains.hpp"

#include <registry/version_match.hpp>

using namespace fvattn;

TEST_CASE("versions are compared as numbers") {
  CHECK(compare_versions("2.9", "2.11") < 0);
  CHECK(compare_versions("2.11.0+cu130", "2.11") == 0);
  CHECK(compare_versions("580.95.05", "580.00") > 0);
  CHECK(compare_versions("", "0.1") < 0);
}

TEST_CASE("requirements") {
  for (const char* holds : {"", "2.11.0", "==2.11.*", "==2.*", "== 2.11", ">=2.10, <3", "!=2.10.*", ">2.10.9", "<=2.11"}) {
    CAPTURE(holds);
    CHECK(version_matches("2.11.0+cu130", holds));
  }
  for (const char* fails : {"2.10", "==2.1.*", "==2.110.*", ">=2.10, <2.11", "!=2.11.*", ">2.11", "<2.11", "==3.*"}) {
    CAPTURE(fails);
    CHECK_FALSE(version_matches("2.11.0+cu130", fails));
  }
}
