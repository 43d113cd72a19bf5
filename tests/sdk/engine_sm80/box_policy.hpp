// Full attention on a raster grid by boxes: the one way of addressing rows that no policy of the SDK has by itself.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine::sm80::test {

/// Every pair of a raster token grid with text behind it; queries and keys in boxes.
struct BoxPolicy {
  BoxMap q_map, kv_map;

  struct Mask {
    BoxMap map;
    WorkItem item;
    int tile, rows;
    FVATTN_BOTH bool visible(int, int kv_slot) const {
      return rows == 64 ? map.row<64>(item, tile, kv_slot) >= 0 : map.row<128>(item, tile, kv_slot) >= 0;
    }
  };
  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem&) const {
    return kv_tiles<T>();
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem&, int step) const {
    return step;
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int) const {
    return true;
  }
  template <class T>
  FVATTN_BOTH Mask mask(const WorkItem& item, int tile) const {
    return {kv_map, item, tile, T::kTileKv};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem&) const {
    return q_tiles<T>();
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem&, int step) const {
    return step;
  }
};

static_assert(BackwardPolicy<BoxPolicy>);

}  // namespace fvattn::engine::sm80::test
