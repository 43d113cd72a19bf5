// Boxes as BoxMap, with all that is the same for every box counted beforehand: where a box and a slot lie costs no division.
#pragma once

#include <fvattn/engine/policies/small_divisor.hpp>
#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

/// A box is a tile: per_tile is 1. Up to SmallDivisor::kMost boxes. The members hide those of the base, which divide.
struct CountedBoxMap : BoxMap {
  static constexpr bool kRowsOfTile = true;  // row() looks at the tile and the slot alone

  Extent3 count;  // boxes along each axis
  Extent3 whole;  // of them, those that the grid does not clip
  int total = 0;
  SmallDivisor by_row, by_frame;            // of boxes
  SmallDivisor by_slot_row, by_slot_frame;  // of the slots of a box

  static CountedBoxMap of(const BoxMap& boxes) {
    CountedBoxMap map{boxes, boxes.counts(), {}, boxes.boxes(), {}, {}, {}, {}};
    const Extent3 &grid = boxes.grid, &box = boxes.box;
    map.whole = {grid.t / box.t, grid.h / box.h, grid.w / box.w};
    map.by_row = SmallDivisor::of(map.count.w);
    map.by_frame = SmallDivisor::of(map.count.h * map.count.w);
    map.by_slot_row = SmallDivisor::of(box.w);
    map.by_slot_frame = SmallDivisor::of(box.h * box.w);
    return map;
  }

  FVATTN_BOTH Extent3 counts() const { return count; }
  FVATTN_BOTH int boxes() const { return total; }
  FVATTN_BOTH int number(const Extent3& at) const { return (at.t * count.h + at.h) * count.w + at.w; }
  FVATTN_BOTH Extent3 position(int number) const {
    const int t = by_frame.quotient(number), in_frame = number - t * count.h * count.w, h = by_row.quotient(in_frame);
    return {t, h, in_frame - h * count.w};
  }
  FVATTN_BOTH bool is_whole(const Extent3& at) const { return (at.t < whole.t) & (at.h < whole.h) & (at.w < whole.w); }
  template <int kRows>
  FVATTN_BOTH int grid_tiles() const {
    return total;
  }
  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return total + ceil_div(text, kRows);
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem&, int tile, int slot) const {
    if (tile >= total) {
      const int at = (tile - total) * kRows + slot;
      return at < text ? grid.volume() + at : kNoRow;
    }
    const Extent3 p = position(tile);
    const int frame = by_slot_frame.quotient(slot), in_frame = slot - frame * box.h * box.w;
    const int at_h = by_slot_row.quotient(in_frame);
    const int t = p.t * box.t + frame, h = p.h * box.h + at_h, w = p.w * box.w + in_frame - at_h * box.w;
    return (frame < box.t) & (t < grid.t) & (h < grid.h) & (w < grid.w) ? (t * grid.h + h) * grid.w + w : kNoRow;
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    if (tile >= total) return (tile - total + 1) * kRows <= text;
    return box.volume() == kRows && is_whole(position(tile));
  }
};

}  // namespace fvattn::engine
