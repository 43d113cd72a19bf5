// What a policy attends, for a backend's `describe`: tiles visited and pairs counted, without computing anything.
#pragma once

#include <fvattn/engine/cpu/selection.hpp>
#include <fvattn/engine/cpu/tiles.hpp>

#include <bit>
#include <cstdint>

namespace fvattn::engine::cpu {

/// marks[((batch * heads + head) * q_tiles + q_tile) * kv_tiles + kv_tile] = 1 where the tile is visited, 0 elsewhere.
template <class Tile = DefaultTile, class Policy>
void mark_tiles(const Policy& policy, int batch, int heads, std::uint8_t* marks) {
  const int q_tiles = policy.template q_tiles<Tile>(), kv_tiles = policy.template kv_tiles<Tile>();
  const std::int64_t items = std::int64_t{q_tiles} * heads * batch;
  for (std::int64_t i = 0; i < items; ++i) {
    std::uint8_t* row = marks + i * kv_tiles;
    for (int tile = 0; tile < kv_tiles; ++tile) row[tile] = 0;
    const WorkItem item = work_item(i, q_tiles, heads, false);
    for (int step = 0; step < policy.template steps<Tile>(item); ++step) row[policy.template kv_tile<Tile>(item, step)] = 1;
  }
}

/// Pairs of a query row and a key that it sees, over all batch entries and heads.
template <class Tile = DefaultTile, class Policy>
std::int64_t count_pairs(const Policy& policy, int batch, int heads) {
  const int q_tiles = policy.template q_tiles<Tile>();
  std::int64_t pairs = 0;
  Columns<Tile::kTileQ> queries;
  Selection<Tile::kTileKv, Tile::kTileQ> keys;
  for (std::int64_t i = 0; i < std::int64_t{q_tiles} * heads * batch; ++i) {
    const WorkItem item = work_item(i, q_tiles, heads, false);
    queries.locate([&](int slot) { return policy.q_map.template row<Tile::kTileQ>(item, item.q_tile, slot); });
    int rows = 0;
    for (const std::uint64_t word : queries.present) rows += std::popcount(word);
    for (int step = 0; step < policy.template steps<Tile>(item); ++step) {
      const int tile = policy.template kv_tile<Tile>(item, step);
      if (!policy.template needs_mask<Tile>(item, tile)) {
        pairs += std::int64_t{rows} * Tile::kTileKv;
        continue;
      }
      select_keys<Tile>(policy, item, tile, queries, keys);
      if (!keys.masked)
        pairs += std::int64_t{rows} * keys.n;
      else
        for (int w = 0; w < keys.n * keys.kWords; ++w) pairs += std::popcount(keys.visible[w]);
    }
  }
  return pairs;
}

}  // namespace fvattn::engine::cpu
