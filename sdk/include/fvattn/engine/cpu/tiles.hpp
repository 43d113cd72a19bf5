// Tile shapes of the cpu engine and the order of its work. docs/performance.md has the measurements.
#pragma once

#include <fvattn/engine/policy.hpp>

#include <cstdint>

namespace fvattn::engine::cpu {

/// Columns (the stationary side) are whole 64-bit mask words. At head dim 64 the operands of both products, the scores
/// and the result are 16 KiB each: all of a step stays in a level-1 or level-2 cache of any current core.
using DefaultTile = TileShape<64, 64>;

template <class Tile>
inline constexpr bool kIsTile =
    Tile::kTileQ % 64 == 0 && Tile::kTileKv % 64 == 0 && Tile::kTileQ <= 256 && Tile::kTileKv <= 256;

/// Item `index` of tiles * heads * batch: the tiles of one head are neighbours, so that a thread's next item finds the
/// head's keys in its cache. last_first: for tiles whose cost grows with their number (causal).
inline WorkItem work_item(std::int64_t index, int tiles, int heads, bool last_first) {
  WorkItem item;
  const int tile = static_cast<int>(index % tiles);
  item.q_tile = last_first ? tiles - 1 - tile : tile;
  item.head = static_cast<int>(index / tiles % heads);
  item.batch = static_cast<int>(index / tiles / heads);
  return item;
}

}  // namespace fvattn::engine::cpu
