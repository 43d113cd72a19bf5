// The policy of the fine branch on the sm90 engine where a CTA has several query blocks and loads what their lists have in
// common once.
#pragma once

#include "sm90_policy.hpp"

#include <fvattn/engine/policies/owned_lists.hpp>

namespace vsa::gpu {

/// Entries of the lists are key block * 2^kBlocks + bits of the query blocks that see it; a row is a group of kBlocks query
/// blocks with consecutive numbers.
template <int kBlocks>
struct Sm90GroupPolicy {
  static constexpr bool kReadsTiles = true;
  static constexpr int kOwners = kBlocks;

  engine::BoxGroupMap<kBlocks> q_map;
  engine::PowerBoxMap kv_map;
  engine::TileLists lists;
  bool every = false;  // all blocks see all blocks: the lists are not looked at

  FVATTN_BOTH static int key_tile(int entry) { return entry >> kBlocks; }
  FVATTN_BOTH static unsigned owners(int entry) { return static_cast<unsigned>(entry) & ((1u << kBlocks) - 1); }
  FVATTN_BOTH int owned_step(const engine::WorkItem& item, int step) const {
    return every ? step << kBlocks | ((1 << kBlocks) - 1) : lists.at(item, step);
  }

  template <class T>
  FVATTN_BOTH int q_tiles() const {
    return q_map.template tiles<T::kTileQ>();
  }
  template <class T>
  FVATTN_BOTH int kv_tiles() const {
    return kv_map.boxes();
  }
  template <class T>
  FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    return every ? kv_map.boxes() : lists.size(item);
  }
  template <class T>
  FVATTN_BOTH int kv_tile(const engine::WorkItem& item, int step) const {
    return key_tile(owned_step(item, step));
  }
  template <class T>
  FVATTN_BOTH bool needs_mask(const engine::WorkItem&, int tile) const {
    return !kv_map.full<T::kTileKv>(tile);
  }
  /// Of the keys alone: owners() says who sees them.
  template <class T>
  FVATTN_BOTH engine::ClippedBoxMask mask(const engine::WorkItem&, int tile) const {
    return kv_map.mask(tile);
  }
};

static_assert(engine::ForwardPolicy<Sm90GroupPolicy<2>> && engine::OwnedPolicy<Sm90GroupPolicy<2>>);

}  // namespace vsa::gpu
