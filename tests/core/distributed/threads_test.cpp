// The thread transport: several tensors at once, round trips, statistics, many exchanges in a row.
#include "group.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <random>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Shape {
  int64_t batches, rows, heads, kv_heads;
};

// q and k of one rank: scattered, checked, gathered back (k by slots, because kv heads may be replicated).
int64_t round_trip(Communicator& self, const Shape& shape, int64_t gap) {
  const auto me = static_cast<size_t>(self.rank());
  const Ranges sequence = split_evenly(shape.rows, self.size());
  const HeadSplit split = split_heads(shape.heads, shape.kv_heads, self.size()).value();
  const int64_t s = sequence[me].size;
  Tensor q(shape.batches, s, shape.heads, gap), k(shape.batches, s, shape.kv_heads, gap);
  for (Tensor* t : {&q, &k})
    for (int64_t b = 0; b < t->batches; ++b)
      for (int64_t r = 0; r < s; ++r)
        for (int64_t h = 0; h < t->heads; ++h)
          for (int64_t d = 0; d < 2; ++d) t->at(b, r, h, d) = encode(t == &k, b, sequence[me].begin + r, h, d);
  Tensor whole_q(shape.batches, shape.rows, split.q[me].size), whole_k(shape.batches, shape.rows, split.kv[me].size);
  Exchange scatter{"scatter_heads",
                   {{"q", Pattern::scatter_heads, sequence, split.q, q.layout(), whole_q.layout()},
                    {"k", Pattern::scatter_heads, sequence, split.kv, k.layout(), whole_k.layout()}},
                   nullptr};
  int64_t wrong = !self.exchange(scatter).ok();
  for (int64_t b = 0; b < shape.batches; ++b)
    for (int64_t r = 0; r < shape.rows; ++r) {
      for (int64_t h = 0; h < whole_q.heads; ++h)
        wrong += whole_q.at(b, r, h, 0) != encode(0, b, r, split.q[me].begin + h, 0);
      for (int64_t h = 0; h < whole_k.heads; ++h)
        wrong += whole_k.at(b, r, h, 1) != encode(1, b, r, split.kv[me].begin + h, 1);
    }
  Tensor back(shape.batches, s, shape.heads, gap);
  wrong += !self.exchange({"gather_heads",
                           {{"o", Pattern::gather_heads, sequence, split.q, whole_q.layout(), back.layout()}},
                           nullptr}).ok();
  return wrong + (back.memory != q.memory);
}

}  // namespace

TEST_CASE("scatter and gather of several tensors, P 1 to 8, uneven heads and rows, GQA") {
  for (int ranks = 1; ranks <= 8; ++ranks) {
    CAPTURE(ranks);
    const Group group = make_thread_communicators(ranks);
    std::atomic<int64_t> wrong = 0;
    on_ranks(group, [&](Communicator& self) {
      for (const Shape& shape : {Shape{2, 37, 12, 12}, Shape{1, 5, 3, 3}, Shape{1, 64, 8, 2}, Shape{3, 1, 6, 1}})
        for (const int64_t gap : {0, 2}) wrong += round_trip(self, shape, gap);
    });
    CHECK(wrong == 0);
    for (const auto& rank : group) {
      CHECK(rank->stats().exchanges == 16);
      CHECK(rank->stats().copies == 0);
    }
  }
}

TEST_CASE("statistics count what came from others, once") {
  const Group group = make_thread_communicators(4);
  on_ranks(group, [&](Communicator& self) { round_trip(self, {1, 16, 8, 8}, 0); });
  for (const auto& rank : group) {
    const CommunicatorStats stats = rank->stats();
    const uint64_t shard = 16 / 4 * 8 * Tensor::kHeadBytes;  // of one tensor; three tensors moved
    CHECK(stats.bytes_local == 3 * shard / 4);
    CHECK(stats.bytes_remote == 3 * shard * 3 / 4);
  }
}

TEST_CASE("random delays change nothing") {
  const Group group = make_thread_communicators(3);
  std::atomic<int64_t> wrong = 0;
  on_ranks(group, [&](Communicator& self) {
    std::mt19937 random(static_cast<unsigned>(self.rank()) + 1);
    for (int i = 0; i < 60; ++i) {
      if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 500));
      wrong += round_trip(self, {1, 7 + i % 5, 5, 5}, 0);
      if (i % 7 == 0) wrong += !self.barrier().ok();
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("contracts reach all ranks, by rank") {
  const Group group = make_thread_communicators(3);
  std::atomic<int> good = 0;
  on_ranks(group, [&](Communicator& self) {
    for (int i = 0; i < 5; ++i) {
      Contract mine;
      mine.add("step", i);
      mine.add("rows", 10 * self.rank() + i, false);
      const auto all = self.agree(mine);
      good += all.ok() && (*all)[2].value("rows") == std::to_string(20 + i) && (*all)[0].value("rows") == std::to_string(i);
    }
  });
  CHECK(good == 15);
}

TEST_CASE("one rank alone needs no others") {
  const auto local = make_local_communicator();
  CHECK(local->name() == "local");
  CHECK(local->barrier().ok());
  CHECK(round_trip(*local, {2, 9, 4, 2}, 1) == 0);
  CHECK(local->stats().bytes_remote == 0);
  CHECK(local->agree({}).value().size() == 1);
  local->abort("enough");
  CHECK_CONTAINS(local->barrier().text(), "rank 0 aborted: enough");
}
