// Policies beyond dense that exercise every way the kernels address rows.
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

/// Lists of key tiles per (head, query tile), CSR: list[offsets[row] .. offsets[row + 1]), row = head * tiles + tile;
/// and the inverse. Linear rows; the last tile may be short.
struct ListPolicy {
  LinearMap q_map, kv_map;
  const int *offsets, *list, *inverse_offsets, *inverse;

  struct Mask {
    int end;
    FVATTN_BOTH bool visible(int, int kv_slot) const { return kv_slot < end; }
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
  FVATTN_BOTH int row(const WorkItem& item) const {
    return item.head * q_tiles<T>() + item.q_tile;
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    return offsets[row<T>(item) + 1] - offsets[row<T>(item)];
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return list[offsets[row<T>(item)] + step];
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int tile) const {
    return (tile + 1) * T::kTileKv > kv_map.length;
  }
  template <class T>
  FVATTN_BOTH Mask mask(const WorkItem&, int tile) const {
    return {kv_map.length - tile * T::kTileKv};
  }
  template <class T>
  FVATTN_BOTH int inverse_row(const WorkItem& item) const {
    return item.head * kv_tiles<T>() + item.q_tile;
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& item) const {
    return inverse_offsets[inverse_row<T>(item) + 1] - inverse_offsets[inverse_row<T>(item)];
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& item, int step) const {
    return inverse[inverse_offsets[inverse_row<T>(item)] + step];
  }
};

/// Gathered query rows: tile t of a head holds the rows that chose key chunk t / tiles_per_chunk; partial results go to
/// rows of their own (tile * rows + slot, where the tile has a row).
struct GatherPolicy {
  GatherMap q_map;
  struct PartialMap {
    GatherMap rows;
    template <int kRows>
    FVATTN_BOTH int row(const WorkItem& item, int tile, int slot) const {
      return rows.row<kRows>(item, tile, slot) < 0 ? kNoRow : tile * kRows + slot;
    }
  } o_map;
  LinearMap kv_map;
  int tiles_per_chunk, chunk_keys;  // a chunk is a whole number of key tiles

  struct Mask {
    int end;
    FVATTN_BOTH bool visible(int, int kv_slot) const { return kv_slot < end; }
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
  FVATTN_BOTH int chunk_tiles() const {
    return chunk_keys / T::kTileKv;
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    const int first = item.q_tile / tiles_per_chunk * chunk_tiles<T>();
    return smaller(chunk_tiles<T>(), kv_tiles<T>() - first);
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return item.q_tile / tiles_per_chunk * chunk_tiles<T>() + step;
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int tile) const {
    return (tile + 1) * T::kTileKv > kv_map.length;
  }
  template <class T>
  FVATTN_BOTH Mask mask(const WorkItem&, int tile) const {
    return {kv_map.length - tile * T::kTileKv};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem&) const {
    return tiles_per_chunk;
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return kv_item.q_tile / chunk_tiles<T>() * tiles_per_chunk + step;
  }
};

static_assert(BackwardPolicy<BoxPolicy> && BackwardPolicy<ListPolicy> && BackwardPolicy<GatherPolicy>);

}  // namespace fvattn::engine::sm80::test
