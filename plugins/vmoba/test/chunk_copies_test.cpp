// How the sm90 engine's tensor copies cut chunks: host code, so that it is compared token by token.
#include "vmoba_test.hpp"

#include <fvattn/engine/sm90/chunk_copies.hpp>

using namespace vmoba_test;
using fvattn::engine::Extent3;
using fvattn::engine::sm90::ChunkCopies;

namespace {

/// Rows of the raster tensor that the copies of a chunk bring, -1 where they bring zeros.
std::vector<int> brought(const ChunkCopies& c, int chunk, int short_start) {
  std::vector<int> rows;
  const Extent3 first = c.chunk_at(chunk);
  const bool last = c.is_short(chunk);
  const Extent3 axes = last ? Extent3{1, 1, c.short_length} : c.axes;
  for (int tile = 0; tile < c.tiles_of(chunk); ++tile) {
    const Extent3 in = c.tile_at(tile);
    std::vector<int> copy;
    for (int t = 0; t < c.box.t; ++t)
      for (int h = 0; h < c.box.h; ++h)
        for (int w = 0; w < c.box.w; ++w) {
          const Extent3 at{first.t + in.t + t, first.h + in.h + h, first.w + in.w + w};
          const bool inside = at.t < axes.t && at.h < axes.h && at.w < axes.w;
          copy.push_back(inside ? (last ? short_start : 0) + (at.t * axes.h + at.h) * axes.w + at.w : -1);
        }
    const bool is_last = tile + 1 == c.tiles_of(chunk);
    const int keys = !is_last ? c.keys() : last ? c.short_keys : c.last_keys;
    // Keys are at the front; what lies behind them is zeros, never another chunk's.
    const auto end = copy.begin() + keys;
    CHECK(std::all_of(copy.begin(), end, [](int row) { return row >= 0; }));
    CHECK(std::all_of(end, copy.end(), [](int row) { return row < 0; }));
    copy.erase(end, copy.end());
    rows.insert(rows.end(), copy.begin(), copy.end());
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

TEST_CASE("copies bring the tokens of a run's chunk, once each") {
  for (int trial = 0; trial < 300; ++trial) {
    const int tokens = static_cast<int>(random_int(1, 900)), length = static_cast<int>(random_int(1, tokens));
    const int rows = trial % 2 ? 128 : 96;
    const ChunkCopies c = ChunkCopies::of_run(tokens, length, rows);
    REQUIRE(c.chunks() == (tokens + length - 1) / length);
    for (int chunk = 0; chunk < c.chunks(); ++chunk) {
      std::vector<int> want(static_cast<size_t>(std::min(length, tokens - chunk * length)));
      std::iota(want.begin(), want.end(), chunk * length);
      CHECK(brought(c, chunk, tokens / length * length) == want);
    }
  }
}

TEST_CASE("copies bring the tokens of a box, once each") {
  int served = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const auto random = [](int most) { return static_cast<int>(random_int(1, most)); };
    const Extent3 n{random(3), random(3), random(3)}, box{random(9), random(30), random(40)};
    const Extent3 grid{n.t * box.t, n.h * box.h, n.w * box.w};
    const int most = trial % 2 ? 128 : 96;
    const auto c = ChunkCopies::of_boxes(grid, box, most);
    if (!c) continue;
    ++served;
    CHECK(c->keys() <= most);
    REQUIRE(c->chunks() == n.volume());
    for (int chunk = 0; chunk < c->chunks(); ++chunk) {
      std::vector<int> want;
      const Extent3 first{chunk / (n.h * n.w) * box.t, chunk / n.w % n.h * box.h, chunk % n.w * box.w};
      for (int t = 0; t < box.t; ++t)
        for (int h = 0; h < box.h; ++h)
          for (int w = 0; w < box.w; ++w) want.push_back(((first.t + t) * grid.h + first.h + h) * grid.w + first.w + w);
      CHECK(brought(*c, chunk, 0) == want);
    }
  }
  CHECK(served > 200);
}

TEST_CASE("the shipped chunk shapes fill their tiles") {
  const Extent3 grid{20, 30, 52};
  const auto fill = [](const ChunkCopies& c, int tokens, int rows) {
    return static_cast<double>(tokens) / (c.tiles_per_chunk() * rows);
  };
  CHECK(fill(*ChunkCopies::of_boxes(grid, {20, 3, 4}, 128), 240, 128) > 0.93);
  CHECK(fill(*ChunkCopies::of_boxes(grid, {4, 6, 4}, 96), 96, 96) == 1.0);
  CHECK(fill(*ChunkCopies::of_boxes({21, 30, 52}, {7, 5, 13}, 96), 455, 96) > 0.94);
  CHECK(fill(ChunkCopies::of_run(32760, 455, 96), 455, 96) > 0.94);
  CHECK(fill(ChunkCopies::of_run(31200, 3120, 128), 3120, 128) > 0.97);
}
