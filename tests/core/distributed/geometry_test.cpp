// Blocks and byte runs against the element formulas, for every pair of ranks.
#include "group.hpp"

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>

using namespace fvattn;
using namespace fvattn::test;

namespace {

// A random split of `total` into `ranks` sizes, zeros included.
Ranges random_split(std::mt19937& random, int64_t total, int ranks) {
  std::vector<int64_t> sizes(static_cast<size_t>(ranks), 0);
  for (int64_t i = 0; i < total; ++i) ++sizes[random() % sizes.size()];
  return consecutive(sizes);
}

void apply(const Block& block, Tensor& source, Tensor& target, std::span<const int64_t> target_rows = {},
           std::span<const int64_t> source_rows = {}) {
  const auto* from = reinterpret_cast<const std::byte*>(source.memory.data());
  auto* to = reinterpret_cast<std::byte*>(target.memory.data());
  for (const Run& run : byte_runs(block, source.layout(), target.layout(), target_rows, source_rows))
    std::memcpy(to + run.target, from + run.source, static_cast<size_t>(run.bytes));
}

}  // namespace

TEST_CASE("even splits are by largest remainder") {
  const auto sizes = [](const Ranges& ranges) {
    std::vector<int64_t> list;
    for (const Range& range : ranges) list.push_back(range.size);
    return list;
  };
  CHECK(sizes(split_evenly(12, 8)) == std::vector<int64_t>{2, 2, 2, 2, 1, 1, 1, 1});
  CHECK(sizes(split_evenly(2, 4)) == std::vector<int64_t>{1, 1, 0, 0});
  CHECK(sizes(split_evenly(0, 3)) == std::vector<int64_t>{0, 0, 0});
  CHECK(sizes(split_evenly(75827, 8)) ==
        std::vector<int64_t>{9479, 9479, 9479, 9478, 9478, 9478, 9478, 9478});
  CHECK(total_of(split_evenly(75827, 8)) == 75827);
  CHECK(total_of({}) == 0);
}

TEST_CASE("scatter and gather move every element to its place, for P 1 to 8") {
  std::mt19937 random(7);
  for (int ranks = 1; ranks <= 8; ++ranks)
    for (int trial = 0; trial < 6; ++trial) {
      const int64_t batches = 1 + trial % 3, heads = 1 + static_cast<int64_t>(random() % 13), gap = trial % 2;
      const Ranges sequence = random_split(random, static_cast<int64_t>(random() % 30), ranks);
      const Ranges head_ranges = trial < 3 ? split_evenly(heads, ranks) : random_split(random, heads, ranks);
      const int64_t rows = total_of(sequence);
      CAPTURE(ranks);
      CAPTURE(trial);
      std::vector<int64_t> tiles(static_cast<size_t>(rows)), none;
      std::iota(tiles.begin(), tiles.end(), 0);
      std::shuffle(tiles.begin(), tiles.end(), random);
      const std::vector<int64_t>& map = trial % 2 == 0 ? none : tiles;
      std::vector<Tensor> shards, whole;
      for (int r = 0; r < ranks; ++r) {
        const auto i = static_cast<size_t>(r);
        shards.emplace_back(batches, sequence[i].size, heads, gap);
        whole.emplace_back(batches, rows, head_ranges[i].size, gap);
        for (int64_t b = 0; b < batches; ++b)
          for (int64_t s = 0; s < sequence[i].size; ++s)
            for (int64_t h = 0; h < heads; ++h)
              for (int64_t d = 0; d < 2; ++d) shards[i].at(b, s, h, d) = encode(0, b, sequence[i].begin + s, h, d);
      }
      for (int s = 0; s < ranks; ++s)
        for (int t = 0; t < ranks; ++t)
          apply(block_between(Pattern::scatter_heads, sequence, head_ranges, s, t), shards[static_cast<size_t>(s)],
                whole[static_cast<size_t>(t)], map);
      int64_t wrong = 0;
      for (size_t r = 0; r < whole.size(); ++r)
        for (int64_t b = 0; b < batches; ++b)
          for (int64_t s = 0; s < rows; ++s)
            for (int64_t h = 0; h < head_ranges[r].size; ++h) {
              const int64_t row = map.empty() ? s : map[static_cast<size_t>(s)];
              wrong += whole[r].at(b, row, h, 1) != encode(0, b, s, head_ranges[r].begin + h, 1);
            }
      CHECK(wrong == 0);
      std::vector<Tensor> back;
      for (const Tensor& shard : shards) back.emplace_back(batches, shard.rows, heads, gap);
      for (int s = 0; s < ranks; ++s)
        for (int t = 0; t < ranks; ++t)
          apply(block_between(Pattern::gather_heads, sequence, head_ranges, s, t), whole[static_cast<size_t>(s)],
                back[static_cast<size_t>(t)], {}, map);
      for (size_t r = 0; r < back.size(); ++r) CHECK(back[r].memory == shards[r].memory);
    }
}

TEST_CASE("text heads are joined on every rank, and their gradients stacked by rank") {
  const Ranges text{{0, 3}}, heads = split_evenly(5, 4);
  for (int source = 0; source < 4; ++source)
    for (int target = 0; target < 4; ++target) {
      const Range from = heads[static_cast<size_t>(source)], to = heads[static_cast<size_t>(target)];
      CHECK(block_between(Pattern::all_gather_heads, text, heads, source, target) ==
            Block{0, 0, 3, 0, from.begin, from.size});
      CHECK(block_between(Pattern::stack_heads, text, heads, source, target) ==
            Block{0, source * 3, 3, to.begin, 0, to.size});
    }
}

TEST_CASE("runs that touch are one run, and copying equals the list") {
  Tensor source(2, 5, 4), target(2, 5, 4);
  const Block all{0, 0, 5, 0, 0, 4};
  CHECK(byte_runs(all, source.layout(), target.layout()) == std::vector<Run>{{0, 0, 2 * 5 * 4 * 8}});
  CHECK(byte_runs({1, 0, 2, 1, 2, 2}, source.layout(), target.layout()).size() == 4);
  CHECK(byte_runs({0, 0, 5, 0, 0, 0}, source.layout(), target.layout()).empty());
  CHECK(byte_runs({0, 0, 0, 0, 0, 4}, source.layout(), target.layout()).empty());
  std::iota(source.memory.begin(), source.memory.end(), 0);
  CHECK(copy_block({1, 2, 3, 1, 0, 2}, source.layout(), target.layout()) == 2 * 3 * 2 * 8);
  CHECK(target.at(1, 4, 1, 1) == source.at(1, 3, 2, 1));
  CHECK(target.at(0, 1, 0, 0) == -1);
}
