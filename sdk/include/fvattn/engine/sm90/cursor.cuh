// The steps of a CTA as one unbroken sequence: (item, kv step) pairs, across item boundaries.
#pragma once

#include "fvattn/engine/sm90/forward_params.cuh"
#include "fvattn/engine/sm90/ring.cuh"
#include "fvattn/engine/sm90/warpgroup.cuh"

namespace fvattn::engine::sm90 {

// Where a CTA of a cluster stands: worker number and rank inside the cluster.
template <class Config>
struct Seat {
  int worker;
  int rank;
  __device__ __forceinline__ static Seat here() {
    if constexpr (Config::kCluster == 1) return {static_cast<int>(blockIdx.x), 0};
    return {static_cast<int>(blockIdx.x) / Config::kCluster, static_cast<int>(cluster_rank())};
  }
};

// Policies that read their key tiles from memory (`static constexpr bool kReadsTiles = true`): a tile is then asked for a step
// before its use, since the answer takes longer than a step.
template <class Policy>
concept ReadsTiles = requires { requires Policy::kReadsTiles; };

// Kernels that cut query tiles of a last, short round by keys (Deal::kSplitTail).
template <class Config, class Policy>
inline constexpr bool kSplitsTail = deal_of<Policy>() == Deal::kSplitTail && Config::kCluster == 1;

template <class Config, class Policy>
struct Cursor {
  WorkItem item;
  int slot = 0;
  int step = 0;
  int first = 0;      // step of this item
  int steps = 0;      // its end; 0 past the last item
  bool empty = false; // the policy gives the item no key tile: one step over hidden keys writes its zeros
  int tile = 0, ahead = 0; // with ReadsTiles: of this step and of the next
  [[no_unique_address]] typename WalkOf<Policy>::type walk; // with WalksTiles

  __device__ __forceinline__ bool valid() const { return steps > 0; }
  __device__ __forceinline__ bool first_step() const { return step == (kSplitsTail<Config, Policy> ? first : 0); }
  __device__ __forceinline__ bool last_step() const { return step + 1 == steps; }

  template <class Params>
  __device__ __forceinline__ void load(const Params& p, int worker) {
    step = 0;
    steps = 0;
    if (!p.item(worker, slot, item)) return;
    if constexpr (WalksTiles<Policy>) {
      walk = p.policy.kv_walk(item);
      steps = walk.steps(ceil_div(p.policy.kv_map.text, Config::kTileKv));
    } else {
      steps = p.policy.template steps<Config>(item);
    }
    empty = steps == 0;
    if (empty) steps = 1;
    if constexpr (kSplitsTail<Config, Policy>) {
      first = 0;
      if (item.partial >= 0) {
        const int part = item.partial % p.order.parts, all = steps;
        step = first = all * part / p.order.parts;
        steps = all * (part + 1) / p.order.parts;
      }
    }
    if constexpr (ReadsTiles<Policy>) {
      ahead = read(p, 1);
      tile = read(p, 0);
    }
  }
  template <class Params>
  __device__ __forceinline__ int kv_tile(const Params& p) const {
    if constexpr (ReadsTiles<Policy>) return tile;
    if constexpr (WalksTiles<Policy>) return empty ? 0 : walk.tile(p.policy.kv_map);
    return empty ? 0 : p.policy.template kv_tile<Config>(item, step);
  }
  // Do some slots of the key tile hold no visible key?
  template <class Params>
  __device__ __forceinline__ bool needs_mask(const Params& p) const {
    if constexpr (WalksTiles<Policy>) return empty | !walk.template full<Config::kTileKv>(p.policy.kv_map);
    return empty | p.policy.template needs_mask<Config>(item, kv_tile(p));
  }
  template <class Params>
  __device__ __forceinline__ void advance(const Params& p, int worker) {
    if (++step == steps) {
      ++slot;
      load(p, worker);
    } else if constexpr (ReadsTiles<Policy>) {
      tile = ahead;
      ahead = read(p, step + 1);
    } else if constexpr (WalksTiles<Policy>) {
      walk.next();
    }
  }
  static constexpr bool kKnowsFreeSteps = WalksTiles<Policy> || KnowsFreeSteps<Policy, Config>;
  // Goes to the last of the steps right behind this one that need no mask, as far as the policy knows; returns their number.
  template <class Params>
  __device__ __forceinline__ int take_free_steps(const Params& p) {
    int count;
    if constexpr (WalksTiles<Policy>) {
      count = walk.template free_steps<Config::kTileKv>(p.policy.kv_map);
      walk.skip(count);
    } else {
      count = p.policy.template free_steps<Config>(item, step);
      if constexpr (kSplitsTail<Config, Policy>) count = smaller(count, steps - 1 - step);
    }
    step += count;
    return count;
  }

private:
  template <class Params>
  __device__ __forceinline__ int read(const Params& p, int at) const {
    return !empty && at < steps ? p.policy.template kv_tile<Config>(item, at) : 0;
  }
};

} // namespace fvattn::engine::sm90
