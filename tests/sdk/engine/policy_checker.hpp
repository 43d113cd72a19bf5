// Compares both schedules of a policy, and its masks, with a brute-force predicate over pairs of rows.
#pragma once

#include <fvattn/engine/policy.hpp>

#include <map>
#include <set>
#include <vector>

#include "random.hpp"

namespace engine_test {

namespace engine = fvattn::engine;

/// visible(batch, head, query row, key row). Checks that
///  - each visible pair is reached exactly once by the forward schedule, and no hidden pair is;
///  - tiles without needs_mask show every pair, steps that are said to be free need none, and separable masks are what they
///    say;
///  - the transposed schedule is ascending and has exactly the tile pairs of the forward one that show something.
template <class Tile, class Policy, class Visible>
void check_policy(const Policy& policy, int batch, int heads, int q_rows, int kv_rows, Visible&& visible) {
  static_assert(engine::BackwardPolicy<Policy, Tile>);
  const int q_tiles = policy.template q_tiles<Tile>(), kv_tiles = policy.template kv_tiles<Tile>();
  for (int b = 0; b < batch; ++b)
    for (int h = 0; h < heads; ++h) {
      std::vector<int> reached(static_cast<std::size_t>(q_rows) * kv_rows, 0);
      std::set<std::pair<int, int>> forward, useful, transposed;
      for (int i = 0; i < q_tiles; ++i) {
        const engine::WorkItem item{i, h, b};
        for (int step = 0; step < policy.template steps<Tile>(item); ++step) {
          const int tile = policy.template kv_tile<Tile>(item, step);
          REQUIRE(tile >= 0);
          REQUIRE(tile < kv_tiles);
          CHECK_MESSAGE(forward.insert({i, tile}).second, "key tile ", tile, " twice in query tile ", i);
          const bool masked = policy.template needs_mask<Tile>(item, tile);
          if constexpr (engine::KnowsFreeSteps<Policy, Tile>) {
            const int free = policy.template free_steps<Tile>(item, step);
            REQUIRE((free >= 0 && step + free < policy.template steps<Tile>(item)));
            for (int i = 1; i <= free; ++i)
              CHECK_FALSE(policy.template needs_mask<Tile>(item, policy.template kv_tile<Tile>(item, step + i)));
          }
          const auto mask = policy.template mask<Tile>(item, tile);
          for (int q = 0; q < Tile::kTileQ; ++q)
            for (int k = 0; k < Tile::kTileKv; ++k) {
              const int row = policy.q_map.template row<Tile::kTileQ>(item, i, q);
              const int key = policy.kv_map.template row<Tile::kTileKv>(item, tile, k);
              if (row == engine::kNoRow) continue;
              if (key == engine::kNoRow) {
                CHECK(masked);
                CHECK_FALSE(mask.visible(q, k));
                continue;
              }
              const bool shown = mask.visible(q, k);
              if (!masked) CHECK(shown);
              if constexpr (engine::SeparableMask<decltype(mask)>)
                CHECK((mask.row_visible(q) && mask.key_visible(k)) == shown);
              if (!shown) continue;
              ++reached[static_cast<std::size_t>(row) * kv_rows + key];
              useful.insert({i, tile});
            }
        }
      }
      int wrong = 0;
      for (int i = 0; i < q_rows; ++i)
        for (int j = 0; j < kv_rows; ++j)
          wrong += reached[static_cast<std::size_t>(i) * kv_rows + j] != static_cast<int>(visible(b, h, i, j));
      CHECK_MESSAGE(wrong == 0, wrong, " pairs differ from the predicate in batch entry ", b, " head ", h);
      for (int j = 0; j < kv_tiles; ++j) {
        const engine::WorkItem item{j, h, b};
        int last = -1;
        for (int step = 0; step < policy.template q_steps<Tile>(item); ++step) {
          const int tile = policy.template q_tile<Tile>(item, step);
          CHECK_MESSAGE(tile > last, "query tiles of key tile ", j, " are not ascending");
          REQUIRE(tile < q_tiles);
          last = tile;
          transposed.insert({tile, j});
        }
      }
      for (const auto& pair : useful)
        CHECK_MESSAGE(transposed.count(pair) == 1, "transposed lacks ", pair.first, ", ", pair.second);
      for (const auto& pair : transposed)
        CHECK_MESSAGE((forward.count(pair) == 1 || !useful.count(pair)), "transposed adds a tile");
    }
}

}  // namespace engine_test
