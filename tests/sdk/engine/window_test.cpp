#include <fvattn/engine/policies/walked_window.hpp>

#include "engine_checker.hpp"
#include "policy_checker.hpp"

using namespace engine_test;
using namespace fvattn::engine;

namespace {

/// Straight from the rule: tiles of tokens, a window of tiles, text.
struct Rule {
  Extent3 grid, tile;
  std::vector<Extent3> windows;

  static bool axis(int q, int k, int w, int c) {
    const int d = w / 2, n = std::min(2 * d + 1, c), start = std::max(0, std::min(q - d, c - n));
    return k >= start && k < start + n;
  }
  bool operator()(std::int64_t, std::int64_t head, std::int64_t i, std::int64_t j) const {
    if (i >= grid.volume() || j >= grid.volume()) return true;
    const Extent3 w = windows[static_cast<std::size_t>(head)];
    const auto at = [&](std::int64_t row) {
      const int r = static_cast<int>(row);
      return Extent3{r / (grid.h * grid.w) / tile.t, r / grid.w % grid.h / tile.h, r % grid.w / tile.w};
    };
    const Extent3 q = at(i), k = at(j);
    return axis(q.t, k.t, w.t, ceil_div(grid.t, tile.t)) && axis(q.h, k.h, w.h, ceil_div(grid.h, tile.h)) &&
           axis(q.w, k.w, w.w, ceil_div(grid.w, tile.w));
  }
};

/// What follows a run of free steps that was skipped is what follows it by the policy.
template <class Tile>
void check_skip(RegionWalk walk, int free, const WindowPolicy& policy, const WorkItem& item, int step) {
  walk.skip(free);
  const auto kv_map = CountedBoxMap::of(policy.kv_map);
  CHECK((free <= 0 || walk.full<Tile::kTileKv>(kv_map)));
  for (walk.next(), step += free + 1; free > 0 && step < policy.steps<Tile>(item); walk.next(), ++step)
    REQUIRE(walk.tile(kv_map) == policy.kv_tile<Tile>(item, step));
}

/// A walk goes through the tiles of the policy in its order, and knows which are full.
template <class Tile>
void check_walk(const WalkedWindowPolicy& walked, const WindowPolicy& policy, int heads) {
  int wrong = 0;
  for (int head = 0; head < heads; ++head) {
    for (int tile = 0; tile < policy.q_tiles<Tile>(); ++tile) {
      const WorkItem item{tile, head, 0};
      RegionWalk walk = walked.kv_walk(item);
      wrong += walk.steps(ceil_div(policy.kv_map.text, Tile::kTileKv)) != policy.steps<Tile>(item);
      for (int step = 0; step < policy.steps<Tile>(item); ++step, walk.next()) {
        const int at = policy.kv_tile<Tile>(item, step);
        wrong += walk.tile(walked.kv_map) != at;
        wrong += walk.full<Tile::kTileKv>(walked.kv_map) != policy.kv_map.full<Tile::kTileKv>(at);
        const int free = walk.free_steps<Tile::kTileKv>(walked.kv_map);
        wrong += step + free >= policy.steps<Tile>(item);
        for (int i = 1; i <= free; ++i)
          wrong += !policy.kv_map.full<Tile::kTileKv>(policy.kv_tile<Tile>(item, step + i));
        check_skip<Tile>(walk, free, policy, item, step);
        for (int slot = 0; slot < Tile::kTileKv; ++slot)
          wrong += walked.kv_map.row<Tile::kTileKv>(item, at, slot) != policy.kv_map.row<Tile::kTileKv>(item, at, slot);
      }
    }
    for (int tile = 0; tile < policy.kv_tiles<Tile>(); ++tile) {
      const WorkItem item{tile, head, 0};
      RegionWalk walk = walked.q_walk(item);
      wrong += walk.steps(ceil_div(policy.q_map.text, Tile::kTileQ)) != policy.q_steps<Tile>(item);
      for (int step = 0; step < policy.q_steps<Tile>(item); ++step, walk.next())
        wrong += walk.tile(walked.q_map) != policy.q_tile<Tile>(item, step);
    }
  }
  CHECK(wrong == 0);
}

template <class E, class Tile>
void check_window(Extent3 grid, Extent3 tile, Extent3 q_box, Extent3 kv_box, int text) {
  constexpr int kHeads = 2;
  Rule rule{grid, tile, {}};
  for (int h = 0; h < kHeads; ++h) rule.windows.push_back({random_int(1, 5), random_int(1, 5), random_int(1, 5)});
  const WindowPolicy policy{{grid, q_box, text, 1}, {grid, kv_box, text, 1}, tile, rule.windows.data()};
  const int rows = grid.volume() + text;
  check_policy<Tile>(policy, 1, kHeads, rows, rows, rule);
  check_walk<Tile>(WalkedWindowPolicy::of(policy), policy, kHeads);
  Case c{random_int(1, 2), rows, rows, kHeads, random_int(1, 2), 16, 24};
  c.visible = rule;
  check_engine<E, Tile>(policy, c);
}

}  // namespace

TEST_CASE("windows per head, clipped boxes, text") {
  for (int trial = 0; trial < 4; ++trial) {
    const Extent3 grid{random_int(1, 9), random_int(1, 9), random_int(1, 9)};
    const int text = random_int(0, 1) * random_int(1, 100);
    check_window<float, TileShape<64, 64>>(grid, {4, 4, 4}, {4, 4, 4}, {4, 4, 4}, text);
    check_window<double, TileShape<64, 64>>(grid, {2, 3, 3}, {2, 3, 3}, {1, 3, 3}, text);
  }
}

TEST_CASE("a tile of several boxes: 6x8x8 as three boxes of 128 or six of 64") {
  const Extent3 grid{random_int(5, 8), random_int(7, 12), random_int(7, 18)};
  check_window<float, TileShape<128, 128>>(grid, {6, 8, 8}, {2, 8, 8}, {2, 8, 8}, 0);
  check_window<float, TileShape<128, 64>>(grid, {6, 8, 8}, {2, 8, 8}, {1, 8, 8}, 37);
  check_window<float, TileShape<64, 192>>(grid, {6, 8, 8}, {1, 8, 8}, {3, 8, 8}, 5);
}
