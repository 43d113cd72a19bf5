// Dense or causal attention with hidden keys, another set for each batch entry: key-padding masks.
#pragma once

#include <fvattn/engine/policies/dense.hpp>

#include <cstdint>

namespace fvattn::engine {

/// From the first to one past the last valid key; 0, 0 without any.
struct KeyRange {
  int first, end;
};

/// Bit key % 32 of valid[batch * words + key / 32] says that the key may be seen; bits behind the last key are 0. words
/// covers whole tiles: at least ceil(kv_len / kTileKv) * kTileKv / 32. ranges[batch] spares the tiles outside.
template <bool kCausal>
struct KeyPaddingPolicy : DensePolicy<kCausal> {
  using Dense = DensePolicy<kCausal>;
  static constexpr bool kEvenTiles = false;
  const std::uint32_t* valid;
  const KeyRange* ranges;
  int words;

  struct Mask {
    typename Dense::Mask dense;
    const std::uint32_t* valid;  // of the tile
    FVATTN_BOTH bool visible(int q_slot, int kv_slot) const { return key(kv_slot) && dense.visible(q_slot, kv_slot); }
    FVATTN_BOTH bool row_visible(int) const requires(!kCausal) { return true; }
    FVATTN_BOTH bool key_visible(int kv_slot) const requires(!kCausal) { return key(kv_slot); }
    FVATTN_BOTH bool key(int kv_slot) const { return valid[kv_slot / 32] >> (kv_slot % 32) & 1; }
  };

  template <class T>
  FVATTN_BOTH const std::uint32_t* words_of(int batch, int tile) const {
    static_assert(T::kTileKv % 32 == 0, "a key tile is whole words");
    return valid + static_cast<long long>(batch) * words + tile * (T::kTileKv / 32);
  }
  template <class T>
  FVATTN_BOTH int first_tile(int batch) const {
    return ranges[batch].first / T::kTileKv;
  }
  template <class T>
  FVATTN_BOTH int end_tile(const WorkItem& item) const {
    return ceil_div(smaller(Dense::template end<T>(item), ranges[item.batch].end), T::kTileKv);
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    return larger(0, end_tile<T>(item) - first_tile<T>(item.batch));
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return end_tile<T>(item) - 1 - step;
  }
  template <class T>
  int free_steps(const WorkItem&, int) const = delete;  // the base's does not know the bits
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem& item, int tile) const {
    std::uint32_t all = ~std::uint32_t{0};
    for (int w = 0; w < T::kTileKv / 32; ++w) all &= words_of<T>(item.batch, tile)[w];
    return all != ~std::uint32_t{0} || Dense::template needs_mask<T>(item, tile);
  }
  template <class T>
  FVATTN_BOTH Mask mask(const WorkItem& item, int tile) const {
    return {Dense::template mask<T>(item, tile), words_of<T>(item.batch, tile)};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    const KeyRange range = ranges[kv_item.batch];
    const bool outside = kv_item.q_tile < range.first / T::kTileKv || kv_item.q_tile >= ceil_div(range.end, T::kTileKv);
    return outside ? 0 : Dense::template q_steps<T>(kv_item);
  }
};

static_assert(BackwardPolicy<KeyPaddingPolicy<false>> && BackwardPolicy<KeyPaddingPolicy<true>>);
static_assert(!KnowsFreeSteps<KeyPaddingPolicy<false>> && !KnowsFreeSteps<KeyPaddingPolicy<true>>);

}  // namespace fvattn::engine
