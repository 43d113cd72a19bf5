// The plans of all ranks of random exchanges, run by hand, against the byte runs of the geometry.
#include "distributed/nccl/plan.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <map>
#include <random>

using namespace fvattn;
using nccl::Message;
using nccl::Plan;

namespace {

std::mt19937& generator() {
  static std::mt19937 random(std::random_device{}());
  return random;
}
int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>(least, most)(generator()); }

Ranges uneven(int ranks, int64_t most) {
  std::vector<int64_t> sizes;
  for (int r = 0; r < ranks; ++r) sizes.push_back(pick(0, most));
  return consecutive(sizes);
}

struct Memory {
  std::vector<std::byte> bytes;
  Layout layout;
};

Memory tensor(int64_t batches, int64_t rows, int64_t heads, int64_t head_bytes, int64_t gap) {
  const int64_t row = heads * head_bytes + gap, batch = rows * row + 3 * gap;
  Memory memory{std::vector<std::byte>(static_cast<size_t>(batches * batch + 1)), {}};
  for (std::byte& x : memory.bytes) x = static_cast<std::byte>(generator()());
  memory.layout = {memory.bytes.data(), batches, rows, heads, head_bytes, row, batch};
  return memory;
}

struct Case {
  int ranks;
  std::vector<Exchange> exchanges;        // by rank
  std::vector<std::vector<Memory>> sources, targets;  // [rank][transfer]
};

int64_t heads_of(const Ranges& heads) {
  int64_t most = 0;
  for (const Range& range : heads) most = std::max(most, range.end());
  return most;
}

void add(Case& c, Pattern pattern, const Ranges& sequence, const Ranges& heads, int64_t batches, int64_t head_bytes,
         bool gaps) {
  const int64_t all_rows = total_of(sequence), all_heads = heads_of(heads);
  for (int rank = 0; rank < c.ranks; ++rank) {
    const auto r = static_cast<size_t>(rank);
    const int64_t gap = gaps ? pick(0, 2) * 4 : 0;
    const bool one = sequence.size() == 1;
    const int64_t rows = one ? all_rows : sequence[r].size;
    const int64_t few_rows = pattern == Pattern::stack_heads ? c.ranks * all_rows : all_rows;
    Memory few = tensor(batches, few_rows, heads[r].size, head_bytes, gap);
    Memory many = tensor(batches, rows, all_heads, head_bytes, gap);
    const bool scatters = pattern == Pattern::scatter_heads || pattern == Pattern::stack_heads;
    c.sources[r].push_back(scatters ? std::move(many) : std::move(few));
    c.targets[r].push_back(scatters ? std::move(few) : std::move(many));
    c.exchanges[r].transfers.push_back(
        {"t", pattern, sequence, heads, c.sources[r].back().layout, c.targets[r].back().layout});
  }
}

Case empty_case(int ranks) {
  const auto n = static_cast<size_t>(ranks);
  Case c{ranks, std::vector<Exchange>(n, Exchange{"exchange", {}, nullptr}), {}, {}};
  c.sources.resize(n);
  c.targets.resize(n);
  return c;
}

// Everybody's targets by the byte runs of every pair.
std::vector<std::vector<std::vector<std::byte>>> expected(const Case& c) {
  std::vector<std::vector<std::vector<std::byte>>> all;
  for (int to = 0; to < c.ranks; ++to) {
    all.emplace_back();
    for (size_t t = 0; t < c.exchanges[0].transfers.size(); ++t) {
      const Transfer& mine = c.exchanges[static_cast<size_t>(to)].transfers[t];
      std::vector<std::byte> target = c.targets[static_cast<size_t>(to)][t].bytes;
      for (int from = 0; from < c.ranks; ++from) {
        const Layout& source = c.exchanges[static_cast<size_t>(from)].transfers[t].source;
        const Block block = block_between(mine.pattern, mine.sequence, mine.heads, from, to);
        for (const Run& run : byte_runs(block, source, mine.target))
          std::memcpy(target.data() + run.target, source.data + run.source, static_cast<size_t>(run.bytes));
      }
      all.back().push_back(std::move(target));
    }
  }
  return all;
}

void copy(const std::vector<peer::Job>& jobs) {
  for (const peer::Job& job : jobs) peer::copy_part(job, 0, 0, 1, 0, 1);
}

// Runs all plans; the passes of each rank.
std::vector<uint64_t> run(Case& c) {
  std::vector<std::vector<std::byte>> staging(static_cast<size_t>(c.ranks));
  std::vector<Plan> plans;
  std::map<std::pair<int, int>, std::deque<Message>> mail;
  for (int r = 0; r < c.ranks; ++r) {
    const auto i = static_cast<size_t>(r);
    const Plan sized = nccl::plan_of(c.exchanges[i], r, c.ranks, nullptr);
    staging[i].resize(static_cast<size_t>(sized.staging_bytes));
    plans.push_back(nccl::plan_of(c.exchanges[i], r, c.ranks, staging[i].data()));
    CHECK(plans.back().staging_bytes == sized.staging_bytes);
    copy(plans.back().packs);
    for (const Message& m : plans.back().sends) {
      CHECK(m.peer != r);
      CHECK(m.bytes > 0);
      mail[{r, m.peer}].push_back(m);
    }
  }
  std::vector<uint64_t> passes;
  for (int r = 0; r < c.ranks; ++r) {
    const Plan& plan = plans[static_cast<size_t>(r)];
    for (const Message& m : plan.receives) {
      auto& box = mail[{m.peer, r}];
      REQUIRE(!box.empty());
      REQUIRE(box.front().bytes == m.bytes);
      std::memcpy(m.data, box.front().data, static_cast<size_t>(m.bytes));
      box.pop_front();
    }
    copy(plan.kept);
    copy(plan.unpacks);
    passes.push_back(plan.passes);
  }
  for (const auto& [pair, box] : mail) CHECK(box.empty());
  return passes;
}

void check(Case& c) {
  const auto wanted = expected(c);
  run(c);
  for (size_t r = 0; r < wanted.size(); ++r)
    for (size_t t = 0; t < wanted[r].size(); ++t) CHECK(c.targets[r][t].bytes == wanted[r][t]);
}

}  // namespace

TEST_CASE("random exchanges of several tensors: uneven rows and heads, GQA, batches, gaps, every pattern") {
  for (int i = 0; i < 300; ++i) {
    const int ranks = static_cast<int>(pick(1, 8));
    CAPTURE(ranks);
    Case c = empty_case(ranks);
    const Ranges sequence = uneven(ranks, 7);
    const int64_t kv = pick(1, 4);
    const HeadSplit split = split_heads(kv * pick(1, 3), kv, ranks).value();
    for (int64_t t = pick(1, 4); t > 0; --t) {
      const auto pattern = static_cast<Pattern>(pick(0, 3));
      const bool one = pattern == Pattern::all_gather_heads || pattern == Pattern::stack_heads;
      const bool joins = pattern == Pattern::gather_heads || pattern == Pattern::all_gather_heads;
      const Ranges& heads = joins || pick(0, 1) == 0 ? split.q : split.kv;
      add(c, pattern, one ? Ranges{{0, pick(1, 6)}} : sequence, heads, pick(1, 3), pick(1, 3) * 4, pick(0, 1) == 0);
    }
    check(c);
  }
}

TEST_CASE("one pass at most: a pack on the way there, an unpack on the way back, of any number of batches") {
  for (const int64_t batches : {1, 3}) {
    CAPTURE(batches);
    Case there = empty_case(4), back = empty_case(4);
    const Ranges sequence = split_evenly(13, 4), heads = split_evenly(6, 4);
    for (int t = 0; t < 3; ++t) add(there, Pattern::scatter_heads, sequence, heads, batches, 8, false);
    add(back, Pattern::gather_heads, sequence, heads, batches, 8, false);
    CHECK(run(there) == std::vector<uint64_t>(4, 3));
    CHECK(run(back) == std::vector<uint64_t>(4, 1));
  }
}

TEST_CASE("no pass where runs touch: one rank has all heads, or a row each") {
  Case one_has_all = empty_case(3), single_rows = empty_case(2);
  add(one_has_all, Pattern::scatter_heads, split_evenly(9, 3), Ranges{{0, 2}, {2, 0}, {2, 0}}, 2, 8, false);
  add(single_rows, Pattern::scatter_heads, split_evenly(2, 2), split_evenly(4, 2), 2, 8, false);
  CHECK(run(one_has_all) == std::vector<uint64_t>(3, 0));
  CHECK(run(single_rows) == std::vector<uint64_t>(2, 0));
}

TEST_CASE("messages of a rank begin with the next one, and what is its own is no message") {
  Case c = empty_case(3);
  add(c, Pattern::scatter_heads, split_evenly(6, 3), split_evenly(3, 3), 2, 8, false);
  const Plan plan = nccl::plan_of(c.exchanges[1], 1, 3, nullptr);
  REQUIRE(plan.sends.size() == 4);  // two batches for each of two
  CHECK(plan.sends[0].peer == 2);
  CHECK(plan.sends[2].peer == 0);
  CHECK(plan.receives[0].peer == 0);
  CHECK(plan.sends[0].bytes == 2 * 8);
  CHECK(plan.kept.size() == 1);
}
