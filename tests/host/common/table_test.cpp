#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "common/exit_code.hpp"
#include "common/table.hpp"

#include <sstream>

using namespace fvattn;
using namespace fvattn::host;

TEST_CASE("columns are aligned, by code points") {
  Table table({"name", ">ms", "note"});
  CHECK(table.empty());
  table.row({"µs", "1.5", "x"});
  table.row({"longer", "12"});
  std::ostringstream out;
  table.print(out);
  CHECK(out.str() == "name     ms  note\nµs      1.5  x\nlonger   12\n");
}

TEST_CASE("numbers") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(1234.5678) == "1235");
  CHECK(number_text(0.0123456) == "0.01235");
  CHECK(number_text(12.34567, 3) == "12.3");
  CHECK(number_text(1.2e9) == "1.2e+09");
  CHECK(bytes_text(1536) == "1.50 KiB");
  CHECK(joined({"a", "b"}) == "a, b");
}

TEST_CASE("exit codes") {
  CHECK(exit_code({}) == 0);
  CHECK(exit_code(Status::error(Code::invalid_argument, "x")) == 2);
  CHECK(exit_code(Status::error(Code::unavailable, "x")) == 3);
  CHECK(exit_code(Status::error(Code::failed_precondition, "x")) == 1);
  CHECK(exit_code(Status::error(Code::resource_exhausted, "x")) == 1);
}
