// Under mpirun: what the mpi transport moves is bitwise what the thread transport moves.
#include "../group.hpp"
#include "rank.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Shape {
  int64_t batches, rows, heads, kv_heads;
};

/// Three transfers of one exchange on one rank: q and k scattered, text gathered by heads.
struct Scattered {
  Tensor q, k, text, whole_q, whole_k, whole_text;
  Exchange exchange;

  Scattered(int rank, int size, const Shape& shape, int64_t gap, unsigned seed)
      : q(shape.batches, rows_of(shape, size)[at(rank)].size, shape.heads, gap),
        k(shape.batches, q.rows, shape.kv_heads, gap),
        text(shape.batches, 3, split_of(shape, size).q[at(rank)].size, gap),
        whole_q(shape.batches, shape.rows + 2, text.heads),
        whole_k(shape.batches, shape.rows, split_of(shape, size).kv[at(rank)].size, gap),
        whole_text(shape.batches, 3, shape.heads) {
    std::mt19937 random(seed * 64 + static_cast<unsigned>(rank));
    for (Tensor* t : {&q, &k, &text})
      std::generate(t->memory.begin(), t->memory.end() - 1, [&] { return static_cast<int32_t>(random()); });
    const Ranges rows = rows_of(shape, size);
    const HeadSplit split = split_of(shape, size);
    exchange = {"scatter_heads",
                {{"q", Pattern::scatter_heads, rows, split.q, q.layout(), whole_q.layout()},
                 {"k", Pattern::scatter_heads, rows, split.kv, k.layout(), whole_k.layout()},
                 {"text", Pattern::all_gather_heads, {{0, 3}}, split.q, text.layout(), whole_text.layout()}},
                nullptr};
  }
  /// The way back of q.
  Status gather(Communicator& self, Tensor& back) {
    const Transfer& t = exchange.transfers[0];
    return self.exchange(
        {"gather_heads", {{"o", Pattern::gather_heads, t.sequence, t.heads, whole_q.layout(), back.layout()}}, nullptr});
  }
  bool has_moved_as(const Scattered& other) const {
    return whole_q.memory == other.whole_q.memory && whole_k.memory == other.whole_k.memory &&
           whole_text.memory == other.whole_text.memory;
  }

 private:
  static size_t at(int rank) { return static_cast<size_t>(rank); }
  static Ranges rows_of(const Shape& shape, int size) { return split_evenly(shape.rows, size); }
  static HeadSplit split_of(const Shape& shape, int size) { return split_heads(shape.heads, shape.kv_heads, size).value(); }
};

const Shape kShapes[] = {{1, 37, 12, 12}, {2, 37, 6, 2}, {1, 5, 3, 3}, {3, 1, 8, 1}, {1, 1024, 8, 4}, {1, 0, 4, 4}};

}  // namespace

TEST_CASE("scatter, gather and text of several tensors are bitwise what threads give") {
  Communicator& self = *this_rank();
  unsigned seed = 0;
  for (const Shape& shape : kShapes)
    for (const int64_t gap : {0, 3}) {
      CAPTURE(shape.rows);
      CAPTURE(gap);
      ++seed;
      Scattered mine(self.rank(), self.size(), shape, gap, seed);
      REQUIRE_MESSAGE(self.exchange(mine.exchange).ok(), "exchange");
      Tensor back(shape.batches, mine.q.rows, shape.heads);
      REQUIRE(mine.gather(self, back).ok());

      std::vector<std::unique_ptr<Scattered>> theirs;
      std::vector<Tensor> backs;
      for (int r = 0; r < self.size(); ++r) {
        theirs.push_back(std::make_unique<Scattered>(r, self.size(), shape, gap, seed));
        backs.emplace_back(shape.batches, theirs.back()->q.rows, shape.heads);
      }
      on_ranks(make_thread_communicators(self.size()), [&](Communicator& rank) {
        const auto r = static_cast<size_t>(rank.rank());
        (void)rank.exchange(theirs[r]->exchange);
        (void)theirs[r]->gather(rank, backs[r]);
      });
      const auto me = static_cast<size_t>(self.rank());
      CHECK(mine.has_moved_as(*theirs[me]));
      CHECK(back.memory == backs[me].memory);
    }
}

TEST_CASE("statistics: bytes once, at most one local pass for each tensor") {
  const auto self = this_rank();
  const CommunicatorStats before = self->stats();
  Scattered mine(self->rank(), self->size(), {1, 72, 12, 12}, 0, 7);
  REQUIRE(self->exchange(mine.exchange).ok());
  const CommunicatorStats after = self->stats();
  CHECK(after.exchanges == before.exchanges + 1);
  const auto ranks = static_cast<uint64_t>(self->size());
  const uint64_t shard = 2 * 72 * 12 * Tensor::kHeadBytes / ranks, text = 3 * 12 * Tensor::kHeadBytes;  // q with k, text
  CHECK(after.bytes_local - before.bytes_local == (shard + text) / ranks);
  CHECK(after.bytes_remote - before.bytes_remote == (shard + text) * (ranks - 1) / ranks);
  CHECK(after.copies - before.copies <= mine.exchange.transfers.size());
}

TEST_CASE("contracts reach all ranks, and a disagreement leaves the group usable") {
  const auto self = this_rank();
  Contract mine;
  mine.add("rows", self->rank(), false);
  mine.add("name", std::string("\xff\n\0z", 4));
  const auto all = self->agree(mine);
  REQUIRE_MESSAGE(all.ok(), all.status().text());
  for (int r = 0; r < self->size(); ++r) CHECK((*all)[static_cast<size_t>(r)].value("rows") == std::to_string(r));
  mine.add("dtype", self->rank() == 1 ? "float16" : "float32");
  CHECK_CONTAINS(self->agree(mine).status().text(), "ranks disagree on dtype; got rank 0: float32, rank 1: float16");
  Contract failing;
  if (self->rank() == 1) failing.failure = Status::error(Code::resource_exhausted, "no memory", "7", "8", "buy some");
  const Status status = self->agree(failing).status();
  CHECK(status.code == Code::resource_exhausted);
  CHECK_CONTAINS(status.text(), "no memory; got 7; accepted: 8; buy some");
  CHECK((status.text().find("rank 1 cannot take part") == std::string::npos) == (self->rank() == 1));
  CHECK(self->barrier().ok());
}

TEST_CASE("a late rank is waited for") {
  const auto self = this_rank();
  if (self->rank() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(self->barrier().ok());
  if (self->rank() != 0) CHECK(self->stats().waits_us > 100'000);
}

TEST_CASE("random delays and many groups change nothing") {
  const auto first = this_rank();
  auto second = make_mpi_communicator({}).value();
  std::mt19937 random(static_cast<unsigned>(first->rank()) + 1);
  for (unsigned i = 0; i < 40; ++i) {
    if (random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    Communicator& self = i % 3 == 0 ? *second : *first;
    Scattered mine(self.rank(), self.size(), {1, 7 + i % 5, 5, 5}, 0, i);
    Tensor back(1, mine.q.rows, 5);
    REQUIRE(self.exchange(mine.exchange).ok());
    REQUIRE(mine.gather(self, back).ok());
    CHECK(back.memory == mine.q.memory);
  }
  second.reset();  // the others may still be in its last exchange
  CHECK(first->barrier().ok());
}
