// The rings of K and V as a consumer with steps of its own sees them: it frees the stages of the others' steps, too.
#pragma once

#include "fvattn/engine/sm90/mbarrier.cuh"
#include "fvattn/engine/sm90/ring.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kOwnedArrivals = kWarpgroupThreads / 32; // of a consumer that frees a stage

// Where a consumer stands in the ring of K or V.
template <class Config, int kStages>
struct OwnedRing {
  SmemAddress full, empty, stages; // barriers of the first stage, and its memory
  RingPosition<kStages> at;
  int passed = 0; // steps of the item behind it

  __device__ __forceinline__ SmemAddress stage() const { return stages + at.stage * Config::kKvStageBytes; }
  // Frees the stages of others up to `step`. Each warp waits for each of them and frees it for itself: with the arrival of
  // another warp the stage might be filled twice before this one looks, and two rounds later its parity is the same.
  __device__ __forceinline__ void pass_to(int step, bool first_lane) {
    for (; passed < step; ++passed) {
      mbarrier_wait(full + 8 * at.stage, at.parity);
      __syncwarp();
      mbarrier_arrive_if(empty + 8 * at.stage, first_lane);
      at.advance();
    }
  }
  __device__ __forceinline__ void wait() const { mbarrier_wait(full + 8 * at.stage, at.parity); }
  __device__ __forceinline__ void release(bool first_lane) {
    mbarrier_arrive_if(empty + 8 * at.stage, first_lane);
    at.advance();
    ++passed;
  }
};

// Passes over K up to `step`, and over V as far as the producer is ahead with it: it loads K of a step before V of the step
// before it, and waits for a stage of either.
template <class Keys, class Values>
__device__ __forceinline__ void pass_both(Keys& keys, Values& values, int step, bool first_lane) {
  while (keys.passed < step) {
    keys.pass_to(keys.passed + 1, first_lane);
    values.pass_to(keys.passed - 1, first_lane);
  }
}

} // namespace fvattn::engine::sm90
