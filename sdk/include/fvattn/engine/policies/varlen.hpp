// Sequences packed one behind the other; each query sees the keys of its own sequence. FLASH_ATTN's cu_seqlens.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

/// Sequence s holds query rows [cu_q[s], cu_q[s + 1]) and keys [cu_k[s], cu_k[s + 1]); either may be empty. cu_q[0] and
/// cu_k[0] are 0, the last entries are the lengths of the maps. kCausal is bottom-right aligned in each sequence. Tiles
/// are runs of the packed rows and may hold several sequences, so that short ones waste nothing.
template <bool kCausal>
struct VarlenPolicy {
  LinearMap q_map, kv_map;
  const int *cu_q, *cu_k;
  int sequences;

  /// The last sequence that starts at or before `row` (the one that holds it, where row is below the length).
  FVATTN_BOTH static int sequence_of(const int* cu, int sequences, int row) {
    int low = 0, high = sequences - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (cu[middle] <= row)
        low = middle;
      else
        high = middle - 1;
    }
    return low;
  }
  /// One past the last key that the row of sequence s sees.
  FVATTN_BOTH int key_end(int s, int row) const {
    if constexpr (!kCausal) return cu_k[s + 1];
    return smaller(cu_k[s + 1], larger(cu_k[s], cu_k[s + 1] - (cu_q[s + 1] - 1 - row)));
  }

  struct Mask {
    VarlenPolicy policy;
    int q0, kv0, first, last;  // sequences of the tile's first and last row
    FVATTN_BOTH bool visible(int q_slot, int kv_slot) const {
      const int row = q0 + q_slot, key = kv0 + kv_slot;
      if (row >= policy.q_map.length) return false;
      int s = first;
      if (first != last) s += sequence_of(policy.cu_q + first, last - first + 1, row);
      return key >= policy.cu_k[s] && key < policy.key_end(s, row);
    }
  };

  struct Span {
    int first, last;  // sequences
  };
  template <int kRows>
  FVATTN_BOTH static Span span(const int* cu, int sequences, int tile, int length) {
    return {sequence_of(cu, sequences, tile * kRows), sequence_of(cu, sequences, smaller(length, (tile + 1) * kRows) - 1)};
  }
  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  /// Key tiles [first, end) of the item.
  template <class T>
  FVATTN_BOTH Span keys(const WorkItem& item) const {
    const Span s = span<T::kTileQ>(cu_q, sequences, item.q_tile, q_map.length);
    const int begin = cu_k[s.first];
    int end = cu_k[s.last + 1];
    if (s.first == s.last) end = key_end(s.last, smaller(q_map.length, (item.q_tile + 1) * T::kTileQ) - 1);
    return {begin / T::kTileKv, end > begin ? ceil_div(end, T::kTileKv) : begin / T::kTileKv};
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    const Span tiles = keys<T>(item);
    return tiles.last - tiles.first;
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return keys<T>(item).last - 1 - step;
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem& item, int tile) const {
    const Span s = span<T::kTileQ>(cu_q, sequences, item.q_tile, q_map.length);
    return s.first != s.last || tile * T::kTileKv < cu_k[s.first] ||
           (tile + 1) * T::kTileKv > key_end(s.first, item.q_tile * T::kTileQ);
  }
  template <class T>
  FVATTN_BOTH Mask mask(const WorkItem& item, int tile) const {
    const Span s = span<T::kTileQ>(cu_q, sequences, item.q_tile, q_map.length);
    return {*this, item.q_tile * T::kTileQ, tile * T::kTileKv, s.first, s.last};
  }
  /// Query tiles [first, end) that hold a row of a sequence with keys in the tile, and reach it.
  template <class T>
  FVATTN_BOTH Span queries(const WorkItem& kv_item) const {
    const Span s = span<T::kTileKv>(cu_k, sequences, kv_item.q_tile, kv_map.length);
    int begin = cu_q[s.first];
    if constexpr (kCausal) {  // the first row that sees the tile's first key; a later sequence starts behind it anyway
      const int key = kv_item.q_tile * T::kTileKv;
      begin = smaller(cu_q[s.first + 1], larger(begin, cu_q[s.first + 1] - (cu_k[s.first + 1] - key)));
    }
    const int end = cu_q[s.last + 1];
    return {begin / T::kTileQ, end > begin ? ceil_div(end, T::kTileQ) : begin / T::kTileQ};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    const Span tiles = queries<T>(kv_item);
    return tiles.last - tiles.first;
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return queries<T>(kv_item).first + step;
  }
};

static_assert(BackwardPolicy<VarlenPolicy<false>> && BackwardPolicy<VarlenPolicy<true>>);

}  // namespace fvattn::engine
