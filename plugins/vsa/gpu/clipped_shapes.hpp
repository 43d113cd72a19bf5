// Key blocks at the edges of the grid, whose tokens are loaded packed and without their padding.
#pragma once

#include <fvattn/engine/policies/power_box_map.hpp>

namespace vsa::gpu {

namespace engine = fvattn::engine;

/// Which blocks the grid clips, and how. A shape is a set of axes (1: t, 2: h, 4: w) along which the grid cuts a block off;
/// 0 is a whole one.
struct ClippedShapes {
  static constexpr int kCount = 8;

  engine::Extent3 last;  // the block that is cut off along each axis; -1: none
  int tokens[kCount];    // of a block of each shape

  static engine::Extent3 extent(const engine::BoxMap& map, int shape) {
    const engine::Extent3 &grid = map.grid, &box = map.box;
    return {(shape & 1) != 0 ? grid.t % box.t : box.t, (shape & 2) != 0 ? grid.h % box.h : box.h,
            (shape & 4) != 0 ? grid.w % box.w : box.w};
  }
  static ClippedShapes of(const engine::BoxMap& map) {
    const auto last_of = [](int length, int box) { return length % box != 0 ? length / box : -1; };
    const engine::Extent3 &grid = map.grid, &box = map.box;
    ClippedShapes shapes{{last_of(grid.t, box.t), last_of(grid.h, box.h), last_of(grid.w, box.w)}, {}};
    for (int shape = 0; shape < kCount; ++shape) shapes.tokens[shape] = extent(map, shape).volume();
    return shapes;
  }
  /// Whether some block has this shape.
  bool present(int shape) const {
    return ((shape & 1) == 0 || last.t >= 0) && ((shape & 2) == 0 || last.h >= 0) && ((shape & 4) == 0 || last.w >= 0);
  }
  FVATTN_BOTH int shape_of(const engine::Extent3& block) const {
    return (block.t == last.t ? 1 : 0) | (block.h == last.h ? 2 : 0) | (block.w == last.w ? 4 : 0);
  }
};

}  // namespace vsa::gpu
