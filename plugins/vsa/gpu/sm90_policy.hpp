// The policy of the fine branch on the sm90 engine: blocks of 64 raster tokens as tensor copies bring them, lists of key
// blocks or every one.
#pragma once

#include <fvattn/engine/policies/power_box_map.hpp>
#include <fvattn/engine/policies/tile_lists.hpp>

namespace vsa::gpu {

namespace engine = fvattn::engine;

struct Sm90Policy {
  static constexpr bool kReadsTiles = true;

  engine::PowerBoxMap q_map, kv_map;  // one box a tile
  engine::TileLists lists;            // query block -> key blocks
  engine::InverseLists inverse;       // key block -> query blocks; gradients alone read it
  bool every = false;                 // all blocks see all blocks: the lists are not looked at
  const int* order = nullptr;         // of key blocks in backward (key_order.cuh); null: by number
  int order_length = 0;               // of a batch entry

  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.boxes();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.boxes();
  }
  template <class T>
  FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    return every ? kv_map.boxes() : lists.size(item);
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const engine::WorkItem& item, int step) const {
    return every ? step : lists.at(item, step);
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const engine::WorkItem&, int tile) const {
    return !kv_map.full<T::kTileKv>(tile);
  }
  template <class T>
  FVATTN_BOTH engine::ClippedBoxMask mask(const engine::WorkItem&, int tile) const {
    return kv_map.mask(tile);
  }
  template <class T>
  FVATTN_BOTH int q_steps(const engine::WorkItem& kv_item) const {
    return every ? q_map.boxes() : inverse.size(kv_item);
  }
  template <class T>
  FVATTN_BOTH int q_tile(const engine::WorkItem& kv_item, int step) const {
    return every ? step : inverse.at(kv_item, step);
  }
  FVATTN_BOTH int kv_order(int entry, int index) const {
    return order == nullptr ? index : order[static_cast<long long>(entry) * order_length + index];
  }
};

static_assert(engine::BackwardPolicy<Sm90Policy>);

}  // namespace vsa::gpu
