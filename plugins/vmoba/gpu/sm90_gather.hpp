// Gather (policies.hpp) as the sm90 engine takes it: chunks by tensor copies, items that the device counted.
#pragma once

#include "policies.hpp"

#include <fvattn/engine/sm90/chunk_copies.hpp>

namespace vmoba::gpu {

struct Sm90Gather {
  engine::LinearMap q_map;  // rows of partial results, tile after tile
  engine::sm90::ChunkCopies kv_map;
  ListedRows listed;
  const int* chunk_of_tile;  // [heads, listed.stride]
  const int* first_item;     // [heads + 1]: the items of each head are its used tiles of the pass
  int heads;

  struct Mask {
    int keys;
    FVATTN_BOTH bool visible(int, int kv_slot) const { return kv_slot < keys; }
  };

  FVATTN_BOTH bool work_item(int index, engine::WorkItem& item) const {
    if (index >= first_item[heads]) return false;
    while (index >= first_item[item.head + 1]) ++item.head;
    item.q_tile = index - first_item[item.head];
    item.batch = 0;
    return true;
  }
  FVATTN_BOTH int chunk(const engine::WorkItem& item) const { return chunk_of_tile[tile_of(item)]; }
  template <int kRows>
  FVATTN_BOTH const int* rows(const engine::WorkItem& item) const {
    return listed.rows + tile_of(item) * kRows;
  }
  /// Consumers ask for the item's chunk only where chunks differ.
  template <class T>
  FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    return kv_map.short_tiles > 0 ? kv_map.tiles_of(chunk(item)) : kv_map.tiles_per_chunk();
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const engine::WorkItem&, int step) const {
    return step;
  }
  FVATTN_BOTH int keys(const engine::WorkItem& item, int tile) const {
    const bool last = tile + 1 == kv_map.tiles_per_chunk(), last_of_short = tile + 1 == kv_map.short_tiles;
    if (last_of_short && kv_map.is_short(chunk(item))) return kv_map.short_keys;
    return last ? kv_map.last_keys : kv_map.keys();
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const engine::WorkItem& item, int tile) const {
    return keys(item, tile) < T::kTileKv;
  }
  template <class T>
  FVATTN_BOTH Mask mask(const engine::WorkItem& item, int tile) const {
    return {keys(item, tile)};
  }

 private:
  FVATTN_BOTH long long tile_of(const engine::WorkItem& item) const {
    return static_cast<long long>(item.head) * listed.stride + listed.first + item.q_tile;
  }
};

}  // namespace vmoba::gpu
