// The policies over chunks: RowMask and Gather for the lists of one batch entry. Each may serve some heads only, and their
// masks ask how many keys a tile has instead of where each one lies.
#pragma once

#include "chunks.hpp"

#include <fvattn/engine/policies/row_mask.hpp>

namespace vmoba::gpu {

/// Query tiles stay and meet every chunk that one of their rows chose.
struct RowMask : engine::RowMaskPolicy<ChunkMap, ChunkMap> {
  template <int kTileQ>
  struct Mask {
    ChunkMap q_map;
    engine::ChunkBits rows;
    engine::WorkItem item;
    int chunk, keys;
    FVATTN_BOTH bool visible(int q_slot, int kv_slot) const { return row_visible(q_slot) && key_visible(kv_slot); }
    FVATTN_BOTH bool row_visible(int q_slot) const {
      const int row = q_map.row<kTileQ>(item, item.q_tile, q_slot);
      return row != engine::kNoRow && rows.test(item, row, chunk);
    }
    FVATTN_BOTH bool key_visible(int kv_slot) const { return kv_slot < keys; }
  };
  template <class T>
  FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    return kv_map.heads.has(item.head) ? lists.size(item) * per_chunk<T>() : 0;
  }
  template <class T>
  FVATTN_BOTH Mask<T::kTileQ> mask(const engine::WorkItem& item, int tile) const {
    ChunkMap every = q_map;
    every.heads = {};  // known: this is a head of the set
    return {every, rows, item, tile / per_chunk<T>(), kv_map.present<T::kTileKv>(tile)};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const engine::WorkItem& kv_item) const {
    return kv_map.heads.has(kv_item.head) ? inverse.size(chunk_item<T>(kv_item)) : 0;
  }
};

/// Rows named by a list: tile t of a head is the list's tile first + t.
struct ListedRows {
  const int* rows = nullptr;             // [heads, stride, rows of a tile]; kNoRow where a tile is not full
  int stride = 0, first = 0, count = 0;  // tiles

  template <int kRows>
  FVATTN_BOTH int row(const engine::WorkItem& item, int tile, int slot) const {
    return rows[(static_cast<long long>(item.head) * stride + first + tile) * kRows + slot];
  }
};

/// The partial results of listed rows: tile after tile.
struct PartialRows {
  ListedRows listed;

  template <int kRows>
  FVATTN_BOTH int row(const engine::WorkItem& item, int tile, int slot) const {
    return listed.row<kRows>(item, tile, slot) == engine::kNoRow ? engine::kNoRow : tile * kRows + slot;
  }
};

/// Chunks stay, the queries that chose them come. A pass computes partial results of some of the listed tiles; in the first
/// one (first = 0) the transposed schedule has all tiles, in others none.
struct Gather {
  ListedRows q_map;
  PartialRows o_map;
  ChunkMap kv_map;
  const int* chunk_of_tile;  // [heads, stride]; -1: unused
  const int* first_tile;     // [heads, chunks + 1]: the tiles of each chunk

  struct Mask {
    int keys;
    FVATTN_BOTH bool visible(int, int kv_slot) const { return kv_slot < keys; }
    FVATTN_BOTH bool row_visible(int) const { return true; }
    FVATTN_BOTH bool key_visible(int kv_slot) const { return kv_slot < keys; }
  };

  template <class T>
  FVATTN_BOTH int per_chunk() const {
    return kv_map.tiles_per_chunk<T::kTileKv>();
  }
  FVATTN_BOTH int chunk(const engine::WorkItem& item) const {
    return chunk_of_tile[static_cast<long long>(item.head) * q_map.stride + q_map.first + item.q_tile];
  }
  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.count;
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    return chunk(item) < 0 ? 0 : per_chunk<T>();
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const engine::WorkItem& item, int step) const {
    return chunk(item) * per_chunk<T>() + step;
  }
  /// Keys of the item's chunk from the tile on.
  template <class T>
  FVATTN_BOTH int keys(const engine::WorkItem& item, int tile) const {
    const int number = chunk(item), before = (tile - number * per_chunk<T>()) * T::kTileKv;
    return kv_map.starts[number + 1] - kv_map.starts[number] - before;
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const engine::WorkItem& item, int tile) const {
    return keys<T>(item, tile) < T::kTileKv;
  }
  template <class T>
  FVATTN_BOTH Mask mask(const engine::WorkItem& item, int tile) const {
    return {keys<T>(item, tile)};
  }
  template <class T>
  FVATTN_BOTH const int* tiles_of(const engine::WorkItem& kv_item) const {
    return first_tile + static_cast<long long>(kv_item.head) * (kv_map.count + 1) + kv_item.q_tile / per_chunk<T>();
  }
  template <class T>
  FVATTN_BOTH int q_steps(const engine::WorkItem& kv_item) const {
    const int* tiles = tiles_of<T>(kv_item);
    return q_map.first == 0 ? tiles[1] - tiles[0] : 0;
  }
  template <class T>
  FVATTN_BOTH int q_tile(const engine::WorkItem& kv_item, int step) const {
    return *tiles_of<T>(kv_item) + step;
  }
};

static_assert(engine::BackwardPolicy<Gather> && engine::BackwardPolicy<RowMask>);

}  // namespace vmoba::gpu
