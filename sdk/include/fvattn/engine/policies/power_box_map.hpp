// Boxes whose extents are powers of two: where a box and a slot lie without a division.
#pragma once

#include <fvattn/engine/policies/small_divisor.hpp>
#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

/// Keys of a box that the grid clips; slots as PowerBoxMap counts them.
struct ClippedBoxMask {
  static constexpr bool kCostly = true, kOfKeyTile = true;
  Extent3 size;
  int row_bits, frame_bits;

  FVATTN_BOTH bool visible(int, int kv_slot) const { return key_visible(kv_slot); }
  FVATTN_BOTH bool row_visible(int) const { return true; }
  FVATTN_BOTH bool key_visible(int kv_slot) const {
    const int w = kv_slot & ((1 << row_bits) - 1), h = (kv_slot & ((1 << frame_bits) - 1)) >> row_bits;
    return (w < size.w) & (h < size.h) & (kv_slot >> frame_bits < size.t);
  }
};

/// A BoxMap without text whose box is a tile and has extents that are powers of two; up to SmallDivisor::kMost boxes. The
/// members hide those of the base, which divide.
struct PowerBoxMap : BoxMap {
  Extent3 count;  // boxes along each axis
  SmallDivisor by_row, by_frame;
  int row_bits = 0, frame_bits = 0, total = 0;

  static PowerBoxMap of(const Extent3& grid, const Extent3& box) {
    PowerBoxMap map{{grid, box, 0, 1}, {}, {}, {}};
    map.count = map.BoxMap::counts();
    map.by_row = SmallDivisor::of(map.count.w);
    map.by_frame = SmallDivisor::of(map.count.h * map.count.w);
    while (1 << map.row_bits < box.w) ++map.row_bits;
    while (1 << map.frame_bits < box.h * box.w) ++map.frame_bits;
    map.total = map.count.volume();
    return map;
  }

  FVATTN_BOTH int boxes() const { return total; }
  FVATTN_BOTH Extent3 position(int number) const {
    const int t = by_frame.quotient(number), in_frame = number - t * count.h * count.w, h = by_row.quotient(in_frame);
    return {t, h, in_frame - h * count.w};
  }
  /// Extents of the part of a box that lies in the grid.
  FVATTN_BOTH Extent3 clipped(const Extent3& p) const {
    return {smaller(box.t, grid.t - p.t * box.t), smaller(box.h, grid.h - p.h * box.h),
            smaller(box.w, grid.w - p.w * box.w)};
  }
  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return total;
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem&, int tile, int slot) const {
    const Extent3 p = position(tile);
    const int t = p.t * box.t + (slot >> frame_bits), h = p.h * box.h + ((slot & ((1 << frame_bits) - 1)) >> row_bits),
              w = p.w * box.w + (slot & ((1 << row_bits) - 1));
    return (t < grid.t) & (h < grid.h) & (w < grid.w) ? (t * grid.h + h) * grid.w + w : kNoRow;
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    return clipped(position(tile)) == box;
  }
  FVATTN_BOTH ClippedBoxMask mask(int tile) const { return {clipped(position(tile)), row_bits, frame_bits}; }
};

}  // namespace fvattn::engine
