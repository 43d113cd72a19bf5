// The policy of the fine branch on the sm80 engine: blocks of the grid by arithmetic, lists of key blocks or every one.
#pragma once

#include <fvattn/engine/policies/power_box_map.hpp>
#include <fvattn/engine/policies/tile_lists.hpp>

namespace vsa::gpu {

namespace engine = fvattn::engine;

/// Blocks of the token grid as tiles of the engine. The tokens of a block, edge blocks clipped, are packed at its front in
/// raster order, as in the reference's tiled layout; a block with more slots than a tile has is 2^shift tiles.
struct BlockMap {
  engine::Extent3 grid, box, counts;  // tokens; tokens of a block; blocks
  int shift = 0;
  bool tiled = false;  // rows are slots of blocks, one block after the other, instead of raster tokens
  engine::SmallDivisor by_row, by_frame;  // a GPU takes no more blocks than it divides

  template <int kRows>
  static BlockMap of(const engine::Extent3& grid, const engine::Extent3& box, bool tiled) {
    using engine::ceil_div;
    BlockMap map{grid, box, {ceil_div(grid.t, box.t), ceil_div(grid.h, box.h), ceil_div(grid.w, box.w)}, 0, tiled, {}, {}};
    map.by_row = engine::SmallDivisor::of(map.counts.w);
    map.by_frame = engine::SmallDivisor::of(map.counts.h * map.counts.w);
    while (kRows << map.shift < box.volume()) ++map.shift;
    return map;
  }
  /// `count` rows, one after the other, in blocks of kRows.
  template <int kRows>
  static BlockMap line(int count) {
    return of<kRows>({1, 1, count}, {1, 1, kRows}, false);
  }

  FVATTN_BOTH int blocks() const { return counts.volume(); }
  FVATTN_BOTH int block_of(int tile) const { return tile >> shift; }
  FVATTN_BOTH int part_of(int tile) const { return tile & ((1 << shift) - 1); }
  FVATTN_BOTH engine::Extent3 first_token(int block) const {
    const int t = by_frame.quotient(block), in_frame = block - t * counts.h * counts.w, h = by_row.quotient(in_frame);
    return {t * box.t, h * box.h, (in_frame - h * counts.w) * box.w};
  }
  /// Extents of a block that starts there.
  FVATTN_BOTH engine::Extent3 clipped(const engine::Extent3& first) const {
    using engine::smaller;
    return {smaller(box.t, grid.t - first.t), smaller(box.h, grid.h - first.h), smaller(box.w, grid.w - first.w)};
  }
  FVATTN_BOTH int size(int block) const { return clipped(first_token(block)).volume(); }
  /// The memory row of a block's slot, which may hold no token.
  FVATTN_BOTH int row_of(int block, int slot) const {
    const engine::Extent3 first = first_token(block), extent = clipped(first);
    if (slot >= extent.volume()) return engine::kNoRow;
    if (tiled) return block * box.volume() + slot;
    const int of_row = slot / extent.w;
    const int t = first.t + of_row / extent.h, h = first.h + of_row % extent.h, w = first.w + slot % extent.w;
    return (t * grid.h + h) * grid.w + w;
  }

  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return blocks() << shift;
  }
  template <int kRows>
  FVATTN_BOTH int row(const engine::WorkItem&, int tile, int slot) const {
    return row_of(block_of(tile), part_of(tile) * kRows + slot);
  }
  /// Slots at the front of a tile that hold a token.
  template <int kRows>
  FVATTN_BOTH int used(int tile) const {
    return engine::smaller(size(block_of(tile)) - part_of(tile) * kRows, kRows);
  }
};

/// Keys at the front of a tile.
struct FrontMask {
  int end;

  FVATTN_BOTH bool visible(int, int kv_slot) const { return kv_slot < end; }
  FVATTN_BOTH bool row_visible(int) const { return true; }
  FVATTN_BOTH bool key_visible(int kv_slot) const { return kv_slot < end; }
};

struct BlocksPolicy {
  BlockMap q_map, kv_map;
  engine::TileLists lists;       // query block -> key blocks
  engine::InverseLists inverse;  // key block -> query blocks; gradients alone read it
  bool every = false;            // all blocks see all blocks: the lists are not looked at

  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    return every ? kv_tiles<T>() : lists.size(block_item(item)) << kv_map.shift;
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const engine::WorkItem& item, int step) const {
    if (every) return step;
    return lists.at(block_item(item), step >> kv_map.shift) << kv_map.shift | kv_map.part_of(step);
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const engine::WorkItem&, int tile) const {
    return kv_map.used<T::kTileKv>(tile) < T::kTileKv;
  }
  template <class T>
  FVATTN_BOTH FrontMask mask(const engine::WorkItem&, int tile) const {
    return {kv_map.used<T::kTileKv>(tile)};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const engine::WorkItem& kv_item) const {
    return every ? q_tiles<T>() : inverse.size(block_item(kv_item)) << q_map.shift;
  }
  template <class T>
  FVATTN_BOTH int q_tile(const engine::WorkItem& kv_item, int step) const {
    if (every) return step;
    return inverse.at(block_item(kv_item), step >> q_map.shift) << q_map.shift | q_map.part_of(step);
  }

 private:
  FVATTN_BOTH engine::WorkItem block_item(const engine::WorkItem& item) const {
    return {q_map.block_of(item.q_tile), item.head, item.batch};
  }
};

static_assert(engine::BackwardPolicy<BlocksPolicy>);

}  // namespace vsa::gpu
