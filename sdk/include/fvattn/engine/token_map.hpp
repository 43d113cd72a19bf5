// Token maps: tile number and slot -> row of the [batch, tokens, heads, channels] tensor.
#pragma once

#include <fvattn/engine/portable.hpp>

namespace fvattn::engine {

struct WorkItem;

/// The slot of a tile that holds no token.
inline constexpr int kNoRow = -1;

/// A run of the sequence: tile t holds rows [t * rows, t * rows + rows).
struct LinearMap {
  int length = 0;

  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return ceil_div(length, kRows);
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem&, int tile, int slot) const {
    const int at = tile * kRows + slot;
    return at < length ? at : kNoRow;
  }
  /// Every slot of the tile holds a token.
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    return (tile + 1) * kRows <= length;
  }
};

/// Three extents of a token grid: frames, rows, columns (t-major raster order).
struct Extent3 {
  int t = 1, h = 1, w = 1;

  FVATTN_BOTH int volume() const { return t * h * w; }
  FVATTN_BOTH bool operator==(const Extent3& o) const { return t == o.t && h == o.h && w == o.w; }
};

/// Boxes of the raster token grid, then runs of appended text tokens. Box b = (bt, bh, bw) row-major; slots run
/// t-major inside a box; slots outside the grid hold no token. A tile is per_tile whole boxes, by default as many as fit;
/// slots behind them hold no token either.
struct BoxMap {
  Extent3 grid, box;
  int text = 0;      // tokens behind the grid
  int per_tile = 0;  // 0: as many as fit

  FVATTN_BOTH Extent3 counts() const {
    return {ceil_div(grid.t, box.t), ceil_div(grid.h, box.h), ceil_div(grid.w, box.w)};
  }
  FVATTN_BOTH int boxes() const { return counts().volume(); }
  /// Where a box lies, in boxes.
  FVATTN_BOTH Extent3 position(int number) const {
    const Extent3 n = counts();
    return {number / (n.h * n.w), number / n.w % n.h, number % n.w};
  }
  template <int kRows>
  FVATTN_BOTH int boxes_per_tile() const {
    return per_tile > 0 ? per_tile : larger(1, kRows / box.volume());
  }
  /// Tiles of the grid; the tiles of text follow.
  template <int kRows>
  FVATTN_BOTH int grid_tiles() const {
    return ceil_div(boxes(), boxes_per_tile<kRows>());
  }
  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return grid_tiles<kRows>() + ceil_div(text, kRows);
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem&, int tile, int slot) const {
    const int text_tile = tile - grid_tiles<kRows>();
    if (text_tile >= 0) {
      const int at = text_tile * kRows + slot;
      return at < text ? grid.volume() + at : kNoRow;
    }
    const int in_tile = slot / box.volume(), number = tile * boxes_per_tile<kRows>() + in_tile;
    if (in_tile >= boxes_per_tile<kRows>() || number >= boxes()) return kNoRow;
    const Extent3 p = position(number);
    slot -= in_tile * box.volume();
    const int t = p.t * box.t + slot / (box.h * box.w), h = p.h * box.h + slot / box.w % box.h, w = p.w * box.w + slot % box.w;
    return t < grid.t && h < grid.h && w < grid.w ? (t * grid.h + h) * grid.w + w : kNoRow;
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    const int text_tile = tile - grid_tiles<kRows>(), count = boxes_per_tile<kRows>();
    if (text_tile >= 0) return (text_tile + 1) * kRows <= text;
    if (count * box.volume() != kRows || (tile + 1) * count > boxes()) return false;
    for (int b = tile * count; b < (tile + 1) * count; ++b) {
      const Extent3 p = position(b);
      if ((p.t + 1) * box.t > grid.t || (p.h + 1) * box.h > grid.h || (p.w + 1) * box.w > grid.w) return false;
    }
    return true;
  }
};

/// Rows named by a list, padded with kNoRow: rows[((batch * heads + head) * tiles_per_head + tile) * kRows + slot].
struct GatherMap {
  const int* rows = nullptr;
  int tiles_per_head = 0;
  int heads = 0;  // of one batch entry; not looked at in batch entry 0

  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return tiles_per_head;
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem& item, int tile, int slot) const;
};

}  // namespace fvattn::engine
