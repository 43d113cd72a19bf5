// Every key, or every key up to the diagonal. Rows of Linear maps.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

/// Full attention; kCausal: query i sees keys j <= i + kv_len - q_len (bottom-right aligned).
template <bool kCausal>
struct DensePolicy {
  static constexpr bool kEvenTiles = !kCausal;
  LinearMap q_map, kv_map;

  struct Mask {
    int q0, kv0, kv_len, diagonal;
    FVATTN_BOTH bool visible(int q_slot, int kv_slot) const {
      const int key = kv0 + kv_slot;
      if constexpr (kCausal) return (key < kv_len) & (key <= q0 + q_slot + diagonal);  // no branch: & and not &&
      return key < kv_len;
    }
    FVATTN_BOTH bool row_visible(int) const requires(!kCausal) { return true; }
    FVATTN_BOTH bool key_visible(int kv_slot) const requires(!kCausal) { return kv0 + kv_slot < kv_len; }
  };

  FVATTN_BOTH int diagonal() const { return kv_map.length - q_map.length; }
  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  /// Keys past the last one that some row of the item sees.
  template <class T>
  FVATTN_BOTH int end(const WorkItem& item) const {
    if constexpr (!kCausal) return kv_map.length;
    const int last_row = smaller(q_map.length, (item.q_tile + 1) * T::kTileQ) - 1;
    return smaller(kv_map.length, larger(0, last_row + 1 + diagonal()));
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    return ceil_div(end<T>(item), T::kTileKv);
  }
  /// From the last key tile down: the masked ones come first.
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return steps<T>(item) - 1 - step;
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem& item, int tile) const {
    const int end = (tile + 1) * T::kTileKv;
    if constexpr (kCausal) {
      if (end - 1 > item.q_tile * T::kTileQ + diagonal()) return true;
    }
    return end > kv_map.length;
  }
  /// The masked tiles come first: behind them all are free.
  template <class T>
  FVATTN_BOTH int free_steps(const WorkItem& item, int step) const {
    const int left = steps<T>(item) - 1 - step;
    return left > 0 && !needs_mask<T>(item, left - 1) ? left : 0;
  }
  template <class T>
  FVATTN_BOTH Mask mask(const WorkItem& item, int tile) const {
    return {item.q_tile * T::kTileQ, tile * T::kTileKv, kv_map.length, diagonal()};
  }
  /// First query tile with a row that sees the first key of the tile.
  template <class T>
  FVATTN_BOTH int first_q_tile(const WorkItem& kv_item) const {
    if constexpr (!kCausal) return 0;
    return larger(0, kv_item.q_tile * T::kTileKv - diagonal()) / T::kTileQ;
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    return larger(0, q_tiles<T>() - first_q_tile<T>(kv_item));
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return first_q_tile<T>(kv_item) + step;
  }
};

static_assert(BackwardPolicy<DensePolicy<false>> && BackwardPolicy<DensePolicy<true>>);
static_assert(KnowsFreeSteps<DensePolicy<false>> && KnowsFreeSteps<DensePolicy<true>>);

}  // namespace fvattn::engine
