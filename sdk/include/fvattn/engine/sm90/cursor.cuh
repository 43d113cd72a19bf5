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

template <class Config, class Policy>
struct Cursor {
  WorkItem item;
  int slot = 0;
  int step = 0;
  int steps = 0;      // of this item; 0 past the end
  bool empty = false; // the policy gives the item no key tile: one step over hidden keys writes its zeros

  __device__ __forceinline__ bool valid() const { return steps > 0; }
  __device__ __forceinline__ bool first_step() const { return step == 0; }
  __device__ __forceinline__ bool last_step() const { return step + 1 == steps; }

  template <class Params>
  __device__ __forceinline__ void load(const Params& p, int worker) {
    step = 0;
    steps = 0;
    if (!p.item(worker, slot, item)) return;
    steps = p.policy.template steps<Config>(item);
    empty = steps == 0;
    if (empty) steps = 1;
  }
  template <class Params>
  __device__ __forceinline__ int kv_tile(const Params& p) const {
    return empty ? 0 : p.policy.template kv_tile<Config>(item, step);
  }
  template <class Params>
  __device__ __forceinline__ void advance(const Params& p, int worker) {
    if (++step == steps) {
      ++slot;
      load(p, worker);
    }
  }
};

} // namespace fvattn::engine::sm90
