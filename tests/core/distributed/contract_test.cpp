#include <fvattn/distributed/contract.hpp>

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

using namespace fvattn;

namespace {

Contract contract(std::string dtype, int64_t rows) {
  Contract c;
  c.add("dtype", std::move(dtype));
  c.add("rows", rows, false);
  return c;
}

}  // namespace

TEST_CASE("values that must agree are listed side by side when they do not") {
  const std::vector<Contract> good{contract("float32", 3), contract("float32", 4)};
  CHECK(check_agreement(good, 0).ok());
  const std::vector<Contract> bad{contract("float32", 3), contract("bfloat16", 3), contract("float32", 3)};
  for (int rank = 0; rank < 3; ++rank)
    CHECK_CONTAINS(check_agreement(bad, rank).text(),
                   "ranks disagree on dtype; got rank 0: float32, rank 1: bfloat16, rank 2: float32");
}

TEST_CASE("ranks with other entries disagree on what a call has") {
  std::vector<Contract> all{contract("float32", 3), contract("float32", 3)};
  all[1].add("text rows", 5);
  CHECK_CONTAINS(check_agreement(all, 0).text(), "rank 0: dtype rows, rank 1: dtype rows text rows");
}

TEST_CASE("a rank that cannot take part is named, and keeps its own error") {
  std::vector<Contract> all{contract("float32", 3), {}};
  all[1].failure = Status::error(Code::unavailable, "no backend", "head size 7");
  const Status others = check_agreement(all, 0);
  CHECK_CONTAINS(others.text(), "rank 1 cannot take part: no backend; got head size 7");
  CHECK(others.code == Code::unavailable);
  CHECK(check_agreement(all, 1).text() == "no backend; got head size 7");
}

TEST_CASE("hashes tell contracts apart and are stable") {
  CHECK(contract("float32", 3).hash() == contract("float32", 3).hash());
  CHECK(contract("float32", 3).hash() != contract("float32", 4).hash());
  Contract ab, a;
  ab.add("ab", "c");
  a.add("a", "bc");
  CHECK(ab.hash() != a.hash());
  CHECK(hash_bytes({}) == 0xcbf29ce484222325u);
  const char letter = 'a';
  CHECK(hash_bytes(std::as_bytes(std::span(&letter, 1))) == 0xaf63dc4c8601ec8cu);  // FNV's published test vector
  CHECK(contract("float32", 3).value("rows") == "3");
  CHECK(contract("float32", 3).value("columns").empty());
}
