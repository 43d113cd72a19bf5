// Chunks with the query rows that chose them: each (head, chunk) sweeps its keys for a list of rows. Results are partial
// (a row's chunks are merged afterwards, by their lse). VMOBA_ATTN, chunk-stationary.
#pragma once

#include <fvattn/engine/policies/chunk_maps.hpp>
#include <fvattn/engine/policies/present.hpp>

namespace fvattn::engine {

/// Where the partial results of gathered rows go: rows tile * kRows + slot of [batch, tiles_per_head * kRows, heads, ...].
struct PartialMap {
  GatherMap rows;

  template <int kRows>
  FVATTN_BOTH int row(const WorkItem& item, int tile, int slot) const {
    return rows.row<kRows>(item, tile, slot) == kNoRow ? kNoRow : tile * kRows + slot;
  }
};

/// q_map lists each head's rows chunk by chunk, ascending, every chunk from a tile of its own. For list = batch * heads +
/// head: chunk_of_tile[list * q_map.tiles_per_head + tile] is the tile's chunk or -1 (unused), and the tiles of chunk c
/// are [first_tile[list * (chunks + 1) + c], first_tile[... + 1]).
template <class ChunkMap>
struct GatherPolicy {
  GatherMap q_map;
  PartialMap o_map;  // {q_map}
  ChunkMap kv_map;
  const int *chunk_of_tile, *first_tile;

  FVATTN_BOTH long long list(const WorkItem& item) const {
    return static_cast<long long>(item.batch) * q_map.heads + item.head;
  }
  FVATTN_BOTH int chunk(const WorkItem& item) const {
    return chunk_of_tile[list(item) * q_map.tiles_per_head + item.q_tile];
  }
  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.template tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    return chunk(item) < 0 ? 0 : kv_map.template tiles_per_chunk<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return chunk(item) * kv_map.template tiles_per_chunk<T::kTileKv>() + step;
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int tile) const {
    return !kv_map.template full<T::kTileKv>(tile);
  }
  template <class T>
  FVATTN_BOTH PresentMask<ChunkMap, T::kTileKv> mask(const WorkItem& item, int tile) const {
    return {kv_map, item, tile};
  }
  template <class T>
  FVATTN_BOTH const int* first_tile_of(const WorkItem& kv_item) const {
    return first_tile + list(kv_item) * (kv_map.chunks() + 1) +
           kv_item.q_tile / kv_map.template tiles_per_chunk<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    const int* first = first_tile_of<T>(kv_item);
    return first[1] - first[0];
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return *first_tile_of<T>(kv_item) + step;
  }
};

static_assert(BackwardPolicy<GatherPolicy<ChunkBoxMap>> && BackwardPolicy<GatherPolicy<ChunkRunMap>>);

}  // namespace fvattn::engine
