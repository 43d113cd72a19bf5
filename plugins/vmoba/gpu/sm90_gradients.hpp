// Gradients of gathered queries on the sm90 engine: which calls take it, its tiles, and Gather (policies.hpp) as it sees it.
#pragma once

#include "policies.hpp"
#include "sm90_config.hpp"

#include <fvattn/engine/sm90/backward_config.hpp>

namespace vmoba::gpu {

/// FLASH_ATTN's tiles, their scores 64 queries at a time; warps that gather need more registers than threads that ask for
/// tensor copies.
template <int kHeadDim>
struct Sm90Backward : fvattn::engine::sm90::BackwardConfig<kHeadDim, kHeadDim <= 64 ? 128 : 64, 128, 2> {
  static constexpr int kSubQ = 64;
  static constexpr int kProducerRegisters = kHeadDim <= 96 ? 72 : 40;
  static constexpr int kConsumerRegisters = kHeadDim <= 96 ? 216 : 232;
};

/// Keys stay, the queries that chose their chunk come. d_q is summed by row, by atomics: not where determinism is asked for.
struct Sm90Gradients {
  static constexpr bool kSumsByRow = true;

  ListedRows q_map;
  ChunkMap kv_map;
  const int* first_tile;  // [heads, chunks + 1]: the tiles of each chunk

  /// The tile's own keys, which lie at its front.
  struct Mask {
    static constexpr bool kCostly = true, kOfKeyTile = true;
    int keys;
    FVATTN_BOTH bool visible(int, int kv_slot) const { return key_visible(kv_slot); }
    FVATTN_BOTH bool row_visible(int) const { return true; }
    FVATTN_BOTH bool key_visible(int kv_slot) const { return kv_slot < keys; }
  };

  template <class T>
  FVATTN_BOTH bool needs_mask(const engine::WorkItem&, int tile) const {
    return !kv_map.full<T::kTileKv>(tile);
  }
  template <class T>
  FVATTN_BOTH Mask mask(const engine::WorkItem&, int tile) const {
    return {kv_map.present<T::kTileKv>(tile)};
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int q_steps(const engine::WorkItem& kv_item) const {
    const int* const tiles = tiles_of<T>(kv_item);
    return kv_map.present<T::kTileKv>(kv_item.q_tile) > 0 ? tiles[1] - tiles[0] : 0;
  }
  template <class T>
  FVATTN_BOTH int q_tile(const engine::WorkItem& kv_item, int step) const {
    return *tiles_of<T>(kv_item) + step;
  }

 private:
  template <class T>
  FVATTN_BOTH const int* tiles_of(const engine::WorkItem& kv_item) const {
    return first_tile + static_cast<long long>(kv_item.head) * (kv_map.count + 1) +
           kv_item.q_tile / kv_map.tiles_per_chunk<T::kTileKv>();
  }
};

/// Memory of a call: what is known of each row, then d_q in float32.
struct Sm90BackwardSpace {
  int64_t row_values = 0, sums = 0;  // bytes; row values twice

  static Sm90BackwardSpace of(int tokens, int heads, int kernel_dim) {
    const int64_t rows = int64_t{tokens} * heads, columns = (kernel_dim + 63) / 64 * 64;
    return {(rows * 4 + 255) / 256 * 256, rows * columns * 4};
  }
  int64_t total() const { return 2 * row_values + sums; }
};

}  // namespace vmoba::gpu
