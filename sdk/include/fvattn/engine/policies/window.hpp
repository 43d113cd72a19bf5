// Sliding tile attention: each query tile of the token grid sees a 3-D window of tiles around it, and all text; text
// sees everything. Windows differ from head to head and are chosen at run time.
#pragma once

#include <fvattn/engine/policies/present.hpp>

namespace fvattn::engine {

/// Tiles first .. first + count - 1 of one axis.
struct AxisSpan {
  int first, count;
};

/// Along an axis of C tiles, window w, query tile q (docs of SLIDING_TILE_ATTN): min(2 * (w / 2) + 1, C) tiles, centred
/// at q and shifted inwards at the borders.
FVATTN_BOTH AxisSpan window_of(int q, int w, int c) {
  const int count = smaller(2 * (w / 2) + 1, c);
  return {smaller(larger(q - w / 2, 0), c - count), count};
}
/// The inverse: the query tiles whose window holds tile k. The window's first tile grows with q, so they are a run too.
FVATTN_BOTH AxisSpan window_inverse(int k, int w, int c) {
  const int count = smaller(2 * (w / 2) + 1, c);
  const int first = k < count ? 0 : k - count + 1 + w / 2, last = k >= c - count ? c - 1 : smaller(c - 1, k + w / 2);
  return {first, last - first + 1};
}

/// The maps have the same grid and text and may have different boxes. A box is a tile of the engine (per_tile is 1 in the
/// maps, box.volume() at most kTileQ or kTileKv), and a `tile` of the window is whole boxes along each axis: with tile
/// 6x8x8, boxes of 2x8x8 give engine tiles of 128 tokens, three of them with the same window.
struct WindowPolicy {
  BoxMap q_map, kv_map;
  Extent3 tile;            // in tokens
  const Extent3* windows;  // [heads], in tiles

  struct Region {
    AxisSpan t, h, w;
    FVATTN_BOTH int volume() const { return t.count * h.count * w.count; }
    /// Row-major number, in a grid of `n` boxes, of the step-th box of the region.
    FVATTN_BOTH int box(int step, Extent3 n) const {
      const int at_t = t.first + step / (h.count * w.count), at_h = h.first + step / w.count % h.count;
      return (at_t * n.h + at_h) * n.w + w.first + step % w.count;
    }
  };

  /// Tiles of the window, from the box `p` of one map, as boxes of the other map.
  FVATTN_BOTH static AxisSpan along(int p, int from_box, int to_box, int tile, int grid, int w, bool inverse) {
    const int q = p / (tile / from_box), c = ceil_div(grid, tile), per_tile = tile / to_box;
    const AxisSpan s = inverse ? window_inverse(q, w, c) : window_of(q, w, c);
    const int first = s.first * per_tile, end = smaller((s.first + s.count) * per_tile, ceil_div(grid, to_box));
    return {first, end - first};
  }
  FVATTN_BOTH Region region(const BoxMap& from, const BoxMap& to, const WorkItem& item, bool inverse) const {
    const Extent3 p = from.position(item.q_tile), w = windows[item.head];
    return {along(p.t, from.box.t, to.box.t, tile.t, from.grid.t, w.t, inverse),
            along(p.h, from.box.h, to.box.h, tile.h, from.grid.h, w.h, inverse),
            along(p.w, from.box.w, to.box.w, tile.w, from.grid.w, w.w, inverse)};
  }
  /// Tiles of `to` (kTo slots each) that pair with the item's tile of `from`: its region and all text, or everything.
  template <int kTo>
  FVATTN_BOTH int pairs(const BoxMap& from, const BoxMap& to, const WorkItem& item, bool inverse) const {
    if (item.q_tile >= from.boxes()) return to.tiles<kTo>();
    return region(from, to, item, inverse).volume() + to.tiles<kTo>() - to.boxes();
  }
  FVATTN_BOTH int pair(const BoxMap& from, const BoxMap& to, const WorkItem& item, int step, bool inverse) const {
    if (item.q_tile >= from.boxes()) return step;
    const Region r = region(from, to, item, inverse);
    return step < r.volume() ? r.box(step, to.counts()) : to.boxes() + step - r.volume();
  }

  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.tiles<T::kTileKv>();
  }
  template <class T>
  FVATTN_BOTH int steps(const WorkItem& item) const {
    return pairs<T::kTileKv>(q_map, kv_map, item, false);
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const WorkItem& item, int step) const {
    return pair(q_map, kv_map, item, step, false);
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int kv_tile) const {
    return !kv_map.full<T::kTileKv>(kv_tile);
  }
  template <class T>
  FVATTN_BOTH PresentMask<BoxMap, T::kTileKv> mask(const WorkItem& item, int kv_tile) const {
    return {kv_map, item, kv_tile};
  }
  template <class T>
  FVATTN_BOTH int q_steps(const WorkItem& kv_item) const {
    return pairs<T::kTileQ>(kv_map, q_map, kv_item, true);
  }
  template <class T>
  FVATTN_BOTH int q_tile(const WorkItem& kv_item, int step) const {
    return pair(kv_map, q_map, kv_item, step, true);
  }
};

static_assert(BackwardPolicy<WindowPolicy>);

/// The largest box of at most `slots` tokens that divides `tile` along each axis; of equals, the one widest in w, then h.
FVATTN_BOTH Extent3 largest_box(Extent3 tile, int slots) {
  Extent3 best;
  for (int t = 1; t <= smaller(tile.t, slots); ++t) {
    if (tile.t % t) continue;
    for (int h = 1; h <= smaller(tile.h, slots / t); ++h) {
      if (tile.h % h) continue;
      for (int w = 1; w <= smaller(tile.w, slots / (t * h)); ++w) {
        if (tile.w % w) continue;
        const int gain = t * h * w - best.volume();
        if (gain > 0 || (gain == 0 && (w > best.w || (w == best.w && h > best.h)))) best = {t, h, w};
      }
    }
  }
  return best;
}

}  // namespace fvattn::engine
