// A policy: each query sees the keys at most `radius` places away. All that an engine needs to know about a sparse
// backend is in this struct; it compiles for the host and for the device.
#pragma once

#include <fvattn/engine/policies/dense.hpp>

namespace engine = fvattn::engine;

struct SlidingWindow {
  engine::LinearMap q_map, kv_map;  // tile t holds rows t * size ... of q, k, v
  int radius;

  struct Mask {
    int q0, kv0, radius, keys;
    FVATTN_BOTH bool visible(int q_slot, int kv_slot) const {
      const int distance = (q0 + q_slot) - (kv0 + kv_slot);
      return kv0 + kv_slot < keys && distance <= radius && -distance <= radius;
    }
  };

  // Forward: query tile item.q_tile covers rows [q0, q0 + kTileQ), so it sees keys [q0 - radius, q0 + kTileQ + radius).
  template <class T> FVATTN_BOTH int q_tiles() const { return q_map.tiles<T::kTileQ>(); }
  template <class T> FVATTN_BOTH int kv_tiles() const { return kv_map.tiles<T::kTileKv>(); }
  template <class T> FVATTN_BOTH int first(const engine::WorkItem& item) const {
    return engine::larger(0, item.q_tile * T::kTileQ - radius) / T::kTileKv;
  }
  template <class T> FVATTN_BOTH int steps(const engine::WorkItem& item) const {
    const int end = engine::smaller(kv_map.length, (item.q_tile + 1) * T::kTileQ + radius);
    return engine::larger(0, engine::ceil_div(end, T::kTileKv) - first<T>(item));
  }
  template <class T> FVATTN_BOTH int kv_tile(const engine::WorkItem& item, int step) const { return first<T>(item) + step; }

  // An element mask where some pair of the two tiles is hidden: the farthest corners, or keys past the end.
  template <class T> FVATTN_BOTH bool needs_mask(const engine::WorkItem& item, int tile) const {
    const int q0 = item.q_tile * T::kTileQ, kv0 = tile * T::kTileKv;
    return kv0 + T::kTileKv > kv_map.length || q0 + T::kTileQ - 1 - kv0 > radius || kv0 + T::kTileKv - 1 - q0 > radius;
  }
  template <class T> FVATTN_BOTH Mask mask(const engine::WorkItem& item, int tile) const {
    return {item.q_tile * T::kTileQ, tile * T::kTileKv, radius, kv_map.length};
  }

  // Gradients with keys stationary: the query tiles that see this key tile, the same window the other way round.
  template <class T> FVATTN_BOTH int first_q(const engine::WorkItem& kv) const {
    return engine::larger(0, kv.q_tile * T::kTileKv - radius) / T::kTileQ;
  }
  template <class T> FVATTN_BOTH int q_steps(const engine::WorkItem& kv) const {
    const int end = engine::smaller(q_map.length, (kv.q_tile + 1) * T::kTileKv + radius);
    return engine::larger(0, engine::ceil_div(end, T::kTileQ) - first_q<T>(kv));
  }
  template <class T> FVATTN_BOTH int q_tile(const engine::WorkItem& kv, int step) const { return first_q<T>(kv) + step; }
};

static_assert(engine::BackwardPolicy<SlidingWindow>);
