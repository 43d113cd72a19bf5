// Chunks chosen row by row: a bit mask per query row over key chunks, and per query tile the chunks that any of its rows
// chose. For tiles whose rows mostly agree. VMOBA_ATTN, query-stationary.
#pragma once

#include <fvattn/engine/policies/chunk_maps.hpp>
#include <fvattn/engine/policies/tile_lists.hpp>

#include <cstdint>

namespace fvattn::engine {

/// Row i sees chunk c when bit c % 32 of bits[((batch * heads + head) * q_rows + i) * words + c / 32] is set.
struct ChunkBits {
  const std::uint32_t* bits;
  int heads, q_rows, words;

  FVATTN_BOTH bool test(const WorkItem& item, int row, int chunk) const {
    const long long list = static_cast<long long>(item.batch) * heads + item.head;
    return bits[(list * q_rows + row) * words + chunk / 32] >> (chunk % 32) & 1;
  }
};

/// lists names the chunks of each query tile; inverse the query tiles of each chunk (its `tiles` are chunks).
template <class QMap, class ChunkMap>
struct RowMaskPolicy {
  QMap q_map;
  ChunkMap kv_map;
  ChunkBits rows;
  TileLists lists;
  InverseLists inverse;

  template <int kTileQ, int kTileKv>
  struct Mask {
    const RowMaskPolicy policy;
    WorkItem item;
    int tile, chunk;
    FVATTN_BOTH bool visible(int q_slot, int kv_slot) const { return row_visible(q_slot) && key_visible(kv_slot); }
    FVATTN_BOTH bool row_visible(int q_slot) const {
      const int row = policy.q_map.template row<kTileQ>(item, item.q_tile, q_slot);
      return row != kNoRow && policy.rows.test(item, row, chunk);
    }
    FVATTN_BOTH bool key_visible(int kv_slot) const {
      return policy.kv_map.template row<kTileKv>(item, tile, kv_slot) != kNoRow;
    }
  };

  template <class T>
  FVATTN_BOTH int per_chunk() const {
    return kv_map.template tiles_per_chunk<T::kTileKv>();
  }
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
    return lists.size(item) * per_chunk<T>();
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return lists.at(item, step / per_chunk<T>()) * per_chunk<T>() + step % per_chunk<T>();
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int) const {
    return true;
  }
  template <class T>
  FVATTN_BOTH Mask<T::kTileQ, T::kTileKv> mask(const WorkItem& item, int tile) const {
    return {*this, item, tile, tile / per_chunk<T>()};
  }
  template <class T>
  FVATTN_BOTH WorkItem chunk_item(const WorkItem& kv_item) const {
    return {kv_item.q_tile / per_chunk<T>(), kv_item.head, kv_item.batch};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    return inverse.size(chunk_item<T>(kv_item));
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return inverse.at(chunk_item<T>(kv_item), step);
  }
};

static_assert(BackwardPolicy<RowMaskPolicy<LinearMap, ChunkBoxMap>> && BackwardPolicy<RowMaskPolicy<BoxMap, ChunkRunMap>>);

}  // namespace fvattn::engine
