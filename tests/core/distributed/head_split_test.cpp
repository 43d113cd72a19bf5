// Every split of heads that fits: all query heads once, each with its kv head, in an order that a backend understands.
#include <fvattn/distributed/geometry.hpp>

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

using namespace fvattn;

TEST_CASE("each rank's queries find their kv heads by the rule of GQA") {
  for (int ranks = 1; ranks <= 8; ++ranks)
    for (int64_t kv_heads = 1; kv_heads <= 12; ++kv_heads)
      for (int64_t group = 1; group <= 5; ++group) {
        CAPTURE(ranks);
        CAPTURE(kv_heads);
        CAPTURE(group);
        const HeadSplit split = split_heads(kv_heads * group, kv_heads, ranks).value();
        REQUIRE(split.q.size() == static_cast<size_t>(ranks));
        REQUIRE(split.kv.size() == static_cast<size_t>(ranks));
        int64_t next = 0;
        for (size_t r = 0; r < split.q.size(); ++r) {
          CHECK(split.q[r].begin == next);
          next = split.q[r].end();
          CHECK((split.q[r].size == 0) == (split.kv[r].size == 0));
          if (split.q[r].size == 0) continue;
          REQUIRE(split.q[r].size % split.kv[r].size == 0);
          const int64_t local_group = split.q[r].size / split.kv[r].size;
          for (int64_t i = 0; i < split.q[r].size; ++i)
            CHECK((split.q[r].begin + i) / group == split.kv[r].begin + i / local_group);
        }
        CHECK(next == kv_heads * group);
        CHECK(split.replicates_kv() == (kv_heads < ranks && group > 1));
      }
}

TEST_CASE("known splits") {
  CHECK(split_heads(12, 12, 8)->q == split_evenly(12, 8));
  CHECK(split_heads(12, 12, 8)->imbalance() == doctest::Approx(2 / 1.5));
  CHECK(split_heads(40, 40, 4)->imbalance() == 1);
  CHECK(split_heads(3, 3, 8)->q == split_evenly(3, 8));
  const HeadSplit gqa = *split_heads(8, 2, 4);
  CHECK(gqa.q == split_evenly(8, 4));
  CHECK(gqa.kv == Ranges{{0, 1}, {0, 1}, {1, 1}, {1, 1}});
  CHECK(gqa.replicates_kv());
}

TEST_CASE("heads that do not fit are refused") {
  CHECK_CONTAINS(split_heads(8, 3, 2).status().text(), "8 query heads, 3 kv heads, 2 ranks");
  CHECK_FALSE(split_heads(8, 8, 0).ok());
  CHECK_FALSE(split_heads(0, 1, 2).ok());
}
