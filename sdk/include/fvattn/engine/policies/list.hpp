// Block-sparse attention by lists: each query tile visits the key tiles that its list names. VIDEO_SPARSE_ATTN.
#pragma once

#include <fvattn/engine/policies/present.hpp>
#include <fvattn/engine/policies/tile_lists.hpp>

namespace fvattn::engine {

/// A block is a tile of the engine: kTileQ == kTileKv == the block's tokens, with boxes of the raster grid (edge blocks
/// are clipped; per_tile 1 where a box is smaller than the tile) or runs of a sequence. sizes, if given, says how many slots
/// at the front of each key block are keys: for tensors that are tiled and padded in memory. `inverse` is read by gradients
/// only.
template <class Map>
struct ListPolicy {
  static constexpr bool kReadsTiles = true;

  Map q_map, kv_map;
  TileLists lists;       // query block -> key blocks
  InverseLists inverse;  // key block -> query blocks
  const int* sizes = nullptr;

  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.template tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.template tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    return lists.size(item);
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return lists.at(item, step);
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int tile) const {
    return !kv_map.template full<T::kTileKv>(tile) || (sizes && sizes[tile] < T::kTileKv);
  }
  template <class T>
  FVATTN_BOTH PresentMask<Map, T::kTileKv> mask(const WorkItem& item, int tile) const {
    return {kv_map, item, tile, sizes ? sizes[tile] : T::kTileKv};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    return inverse.size(kv_item);
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return inverse.at(kv_item, step);
  }
};

static_assert(BackwardPolicy<ListPolicy<BoxMap>> && BackwardPolicy<ListPolicy<LinearMap>>);

}  // namespace fvattn::engine
