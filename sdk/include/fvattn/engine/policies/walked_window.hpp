// The window policy for kernels whose steps are short: the tiles of a window are walked, not computed one by one.
#pragma once

#include <fvattn/engine/policies/counted_box_map.hpp>
#include <fvattn/engine/policies/window.hpp>

namespace fvattn::engine {

/// The boxes of a region, row by row, then the tiles of text.
struct RegionWalk {
  Extent3 at;                          // box of this step
  int first_h, end_h, first_w, end_w;  // the region
  int left;                            // boxes of the region from this step on
  bool whole;                          // the grid clips no box of the region
  int text = 0;                        // tile of text of this step, once left is 0

  /// Steps in all, `tiles` of them text; called before the first next().
  FVATTN_BOTH int steps(int tiles) const { return left + tiles; }
  FVATTN_BOTH int tile(const CountedBoxMap& map) const { return left > 0 ? map.number(at) : map.total + text; }
  /// Has every slot of the tile a token? kRows: slots of a tile.
  template <int kRows>
  FVATTN_BOTH bool full(const CountedBoxMap& map) const {
    return left > 0 ? (map.box.volume() == kRows) & map.is_whole(at) : (text + 1) * kRows <= map.text;
  }
  /// Steps right behind this one that need no mask; skip(n) passes over n of them.
  template <int kRows>
  FVATTN_BOTH int free_steps(const CountedBoxMap& map) const {
    return whole & (left > 1) & (map.box.volume() == kRows) ? left - 1 : 0;
  }
  /// Leaves `at` where it is: a box as whole as those passed over.
  FVATTN_BOTH void skip(int n) { left -= n; }
  FVATTN_BOTH void next() {
    if (left == 0) {
      ++text;
      return;
    }
    --left;
    if (++at.w < end_w) return;
    at.w = first_w;
    if (++at.h < end_h) return;
    at.h = first_h;
    ++at.t;
  }
};

/// As WindowPolicy, whose schedule it has: kv_walk() goes through the tiles of kv_tile(), q_walk() through those of
/// q_tile().
struct WalkedWindowPolicy : WindowPolicy {
  using Walk = RegionWalk;
  CountedBoxMap q_map, kv_map;  // hide those of the base
  int text_rounds = 1;          // what a query tile of text costs, in query tiles of the grid: for their order alone

  /// The last query tiles of a head that cost text_rounds others (sm90/work_order.hpp).
  static constexpr bool kLongTiles = true;
  template <class T>
  int long_tiles() const {
    return text_rounds > 1 ? q_map.tiles<T::kTileQ>() - q_map.boxes() : 0;
  }

  static WalkedWindowPolicy of(const WindowPolicy& windows) {
    return {windows, CountedBoxMap::of(windows.q_map), CountedBoxMap::of(windows.kv_map), 1};
  }
  /// Does the grid clip no box before these?
  FVATTN_BOTH static bool is_whole(const BoxMap& map, int end_t, int end_h, int end_w) {
    return (end_t * map.box.t <= map.grid.t) & (end_h * map.box.h <= map.grid.h) & (end_w * map.box.w <= map.grid.w);
  }
  FVATTN_BOTH RegionWalk walk(const BoxMap& from, const BoxMap& to, const WorkItem& item, bool inverse) const {
    const Extent3 n = to.counts();
    if (item.q_tile >= from.boxes()) return {{0, 0, 0}, 0, n.h, 0, n.w, n.volume(), is_whole(to, n.t, n.h, n.w)};
    const Region r = region(from, to, item, inverse);
    const int end_h = r.h.first + r.h.count, end_w = r.w.first + r.w.count;
    return {{r.t.first, r.h.first, r.w.first}, r.h.first, end_h, r.w.first, end_w, r.volume(),
            is_whole(to, r.t.first + r.t.count, end_h, end_w)};
  }
  FVATTN_BOTH RegionWalk kv_walk(const WorkItem& item) const {
    return walk(WindowPolicy::q_map, WindowPolicy::kv_map, item, false);
  }
  FVATTN_BOTH RegionWalk q_walk(const WorkItem& kv_item) const {
    return walk(WindowPolicy::kv_map, WindowPolicy::q_map, kv_item, true);
  }

  template <class T>
  FVATTN_BOTH bool needs_mask(const WorkItem&, int kv_tile) const {
    return !kv_map.full<T::kTileKv>(kv_tile);
  }
  template <class T>
  FVATTN_BOTH PresentMask<CountedBoxMap, T::kTileKv> mask(const WorkItem& item, int kv_tile) const {
    return {kv_map, item, kv_tile};
  }
};

static_assert(BackwardPolicy<WalkedWindowPolicy> && WalksTiles<WalkedWindowPolicy>);

}  // namespace fvattn::engine
