// Work items of several blocks, each with a list of its own: the engine walks the union of the lists once, so that what they
// have in common is loaded once.
#pragma once

#include <fvattn/engine/policies/power_box_map.hpp>

namespace fvattn::engine {

/// A policy whose work item is kOwners blocks of 64 queries, block b of item i being number i * kOwners + b. Its steps are
/// the key tiles that some of them see; owned_step() says which, as a number that key_tile() and owners() read: bit b of
/// owners() is set where block b sees the tile.
template <class P>
concept OwnedPolicy = requires(const P& p, const WorkItem& item, int n) {
  { P::kOwners } -> std::convertible_to<int>;
  { p.owned_step(item, n) } -> std::convertible_to<int>;
  { P::key_tile(n) } -> std::convertible_to<int>;
  { P::owners(n) } -> std::convertible_to<unsigned>;
};

/// Tiles of kBoxes boxes with consecutive numbers, one behind the other; those behind the last box hold no token.
template <int kBoxes_>
struct BoxGroupMap : PowerBoxMap {
  static constexpr int kBoxes = kBoxes_;

  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return ceil_div(total, kBoxes);
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem& item, int tile, int slot) const {
    constexpr int kBoxRows = kRows / kBoxes;
    const int number = tile * kBoxes + slot / kBoxRows;
    return number < total ? PowerBoxMap::row<kBoxRows>(item, number, slot % kBoxRows) : kNoRow;
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    if (tile * kBoxes + kBoxes > total) return false;
    for (int b = 0; b < kBoxes; ++b)
      if (!PowerBoxMap::full<kRows / kBoxes>(tile * kBoxes + b)) return false;
    return true;
  }
};

}  // namespace fvattn::engine
