// What the kernel of lists is launched with, and what its loading warps tell the others.
#pragma once

#include "clipped_shapes.hpp"
#include "sm90_policy.hpp"

#include <fvattn/engine/sm90/forward_params.cuh>
#include <fvattn/engine/sm90/ring.cuh>
#include <fvattn/engine/sm90/warpgroup.cuh>

#include <cstdint>

namespace vsa::gpu {

namespace sm90 = engine::sm90;

/// The tensor maps of keys and values are one for each shape of a block; those of the base are not read.
template <class Epilogue>
struct ListParams : sm90::ForwardParams<Sm90Policy, Epilogue> {
  CUtensorMap keys[ClippedShapes::kCount], values[ClippedShapes::kCount];
  ClippedShapes shapes;
  int* handed_out;  // query blocks beyond each CTA's first one, 0 at the start

  /// Query block `index` of all heads, or false past the last one.
  FVATTN_BOTH bool query_block(int index, engine::WorkItem& item) const { return this->item(0, index, item); }
};

/// A step is a whole key block, or several clipped ones.
struct ListStep {
  std::uint32_t seen[2];  // a bit for each slot that holds a key
  std::uint32_t last;     // of its query block
  std::uint32_t unused;
};

/// Steps and query blocks whose records are in shared memory: more than are under way, so that warps that lag behind still
/// find theirs. A query block begins when the output of the one before has left.
inline constexpr int kListSteps = 8, kListItems = 4;

/// Behind the barriers of Config: barriers of the query blocks, their numbers, and the steps.
template <class Config>
struct ListLayout {
  static constexpr int kItemFull = (Config::kSharedBytes + 15) / 16 * 16;
  static constexpr int kItems = kItemFull + 8 * kListItems;
  static constexpr int kSteps = kItems + 4 * kListItems;
  static constexpr int kSharedBytes = kSteps + kListSteps * static_cast<int>(sizeof(ListStep));
  static_assert(kItems % 16 == 0 && kSteps % 16 == 0);
  static_assert(Config::kCtasPerSm * (kSharedBytes + sm90::kReservedSharedBytes) <= sm90::kSmSharedBytes);

  __device__ __forceinline__ static int* items() { return reinterpret_cast<int*>(sm90::shared_memory() + kItems); }
  __device__ __forceinline__ static ListStep* steps() {
    return reinterpret_cast<ListStep*>(sm90::shared_memory() + kSteps);
  }
};

/// The query blocks of a CTA as the warp that loads keys hands them on.
template <class Config>
class ListItems {
 public:
  __device__ __forceinline__ explicit ListItems(sm90::SmemAddress smem) : full_(smem + ListLayout<Config>::kItemFull) {}

  /// By one lane.
  __device__ __forceinline__ void put(int index, bool first_lane) {
    if (first_lane) {
      ListLayout<Config>::items()[at_.stage] = index;
      sm90::mbarrier_arrive(full_ + 8 * at_.stage);
    }
    at_.advance();
  }
  /// False past the last one.
  template <class Params>
  __device__ __forceinline__ bool take(const Params& p, engine::WorkItem& item) {
    sm90::mbarrier_wait(full_ + 8 * at_.stage, at_.parity);
    const int index = ListLayout<Config>::items()[at_.stage];
    at_.advance();
    return p.query_block(index, item);
  }

 private:
  sm90::SmemAddress full_;
  sm90::RingPosition<kListItems> at_;
};

}  // namespace vsa::gpu
