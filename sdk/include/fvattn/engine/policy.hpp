// The policy concept: which keys each query sees, and where both lie in memory. Written once, run by every engine.
//
// An engine computes exact softmax attention tile by tile. A work item is one query tile of one (batch, head); the
// engine walks the item's key tiles, loads them through the policy's maps, and asks for an element mask only where the
// policy says one is needed. A policy is a plain trivially copyable struct whose members compile for host and device
// (FVATTN_BOTH); what it points to (lists, windows) is memory of the engine's device.
//
// Every member is a template over the engine's tile shape T:
//   T::kTileQ   query rows of a work item
//   T::kTileKv  keys of a key tile
//
//   QMap q_map; KvMap kv_map;                  token maps (token_map.hpp): slot of a tile -> row in memory, or kNoRow
//   int q_tiles<T>()                           query tiles of one (batch, head): the item's q_tile is below this
//   int kv_tiles<T>()                          key tiles of one (batch, kv head)
//   int steps<T>(item)                         key tiles this item visits; 0: its rows see nothing (o = 0, lse = -inf)
//   int kv_tile<T>(item, step)                 which; any order, none twice
//   bool needs_mask<T>(item, kv_tile)          some pair of slots in the tile is hidden, kNoRow slots included
//   Mask mask<T>(item, kv_tile)                Mask::visible(q_slot, kv_slot), both counted inside the item and tile
//
// Optional members:
//   int free_steps<T>(item, step)              how many steps of the item right behind this one need no mask, as far as is
//                                              cheaply known. Kernels then do not ask in those
//   OutMap o_map                               o, lse and d_q go to these rows instead of q_map's: partial results
//   bool Mask::row_visible(q_slot), bool Mask::key_visible(kv_slot)     for masks that factor: visible(q, kv) is both.
//                                              Engines then ask once a row and once a key instead of once a pair
//   static bool Mask::kCostly = true           of a mask whose rows are all visible: key_visible is worth asking only once
//                                              a warp and key
//   static bool kEvenTiles = true              all query tiles cost the same: those of a last, short round may be cut by keys
//   static bool kLongTiles = true, int long_tiles<T>(), int text_rounds     the last query tiles of a head, on the host, and
//                                              how many others such a tile costs; they are then taken first
//   static bool Mask::kOfKeyTile = true        of such a mask that is the same for every item: gradients with keys
//                                              stationary then ask once
//
// For gradients with keys stationary, the transposed schedule; the item's q_tile then counts key tiles and its head is
// a query head (engines sum a kv head over its group):
//   int q_steps<T>(kv_item)                    query tiles that see this key tile
//   int q_tile<T>(kv_item, step)               which, ascending
// The two schedules must agree: where a pair of tiles i and j shows something, j is among the steps of item i and i among
// the q_steps of j (tests/sdk/engine/policy_checker.hpp compares both with a plain predicate).
#pragma once

#include <fvattn/engine/portable.hpp>
#include <fvattn/engine/token_map.hpp>

#include <concepts>
#include <type_traits>

namespace fvattn::engine {

/// A query tile of one (batch, head); in the transposed schedule q_tile counts key tiles.
struct WorkItem {
  int q_tile = 0;
  int head = 0;
  int batch = 0;
  int partial = -1;  // number of the partial result, of a tile whose keys several items share (sm90/work_order.hpp)
};

template <int kRows>
FVATTN_BOTH int GatherMap::row(const WorkItem& item, int tile, int slot) const {
  const long long list = static_cast<long long>(item.batch) * heads + item.head;
  return rows[(list * tiles_per_head + tile) * kRows + slot];
}

template <int kTileQ_, int kTileKv_>
struct TileShape {
  static constexpr int kTileQ = kTileQ_;
  static constexpr int kTileKv = kTileKv_;
};

template <class P, class T = TileShape<64, 64>>
concept ForwardPolicy = std::is_trivially_copyable_v<P> && requires(const P& p, const WorkItem& item, int n) {
  { p.template q_tiles<T>() } -> std::convertible_to<int>;
  { p.template kv_tiles<T>() } -> std::convertible_to<int>;
  { p.template steps<T>(item) } -> std::convertible_to<int>;
  { p.template kv_tile<T>(item, n) } -> std::convertible_to<int>;
  { p.template needs_mask<T>(item, n) } -> std::convertible_to<bool>;
  { p.template mask<T>(item, n).visible(n, n) } -> std::convertible_to<bool>;
  { p.q_map.template row<T::kTileQ>(item, n, n) } -> std::convertible_to<int>;
  { p.kv_map.template row<T::kTileKv>(item, n, n) } -> std::convertible_to<int>;
};

template <class P, class T = TileShape<64, 64>>
concept BackwardPolicy = ForwardPolicy<P, T> && requires(const P& p, const WorkItem& item, int n) {
  { p.template q_steps<T>(item) } -> std::convertible_to<int>;
  { p.template q_tile<T>(item, n) } -> std::convertible_to<int>;
};

/// Policies that walk their tiles (walked_window.hpp): kv_walk(item) and q_walk(kv_item) give a Walk with steps(), tile(),
/// full() and next(), which kernels go through in place of kv_tile() and q_tile() of each step.
template <class P>
concept WalksTiles = requires { typename P::Walk; };

/// Policies that know runs of steps without a mask.
template <class P, class T = TileShape<64, 64>>
concept KnowsFreeSteps = requires(const P& p, const WorkItem& item, int n) {
  { p.template free_steps<T>(item, n) } -> std::convertible_to<int>;
};

struct NoWalk {};
template <class P>
struct WalkOf {
  using type = NoWalk;
};
template <WalksTiles P>
struct WalkOf<P> {
  using type = typename P::Walk;
};

/// Masks that factor into rows and keys.
template <class Mask>
concept SeparableMask = requires(const Mask& m, int n) {
  { m.row_visible(n) } -> std::convertible_to<bool>;
  { m.key_visible(n) } -> std::convertible_to<bool>;
};

/// Masks that hide keys alone, and whose question is better asked once by a warp than by each of its threads.
template <class Mask>
concept CostlyKeyMask = SeparableMask<Mask> && requires { requires Mask::kCostly; };

/// Masks that the key tile alone decides, whatever the item.
template <class Mask>
concept KeyTileMask = CostlyKeyMask<Mask> && requires { requires Mask::kOfKeyTile; };

/// Where the results of a query tile go: the policy's o_map, or else its q_map.
template <class P>
FVATTN_BOTH const auto& output_map(const P& policy) {
  if constexpr (requires { policy.o_map; }) return policy.o_map;
  else return policy.q_map;
}

}  // namespace fvattn::engine
