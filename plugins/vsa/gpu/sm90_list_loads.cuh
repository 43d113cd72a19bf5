// What the loading warps of the kernel of lists have in common.
#pragma once

#include "sm90_list_steps.cuh"

#include <fvattn/engine/sm90/producer.cuh>

namespace vsa::gpu {

/// The copies of a block to the slots of a stage that begin at `to`. One lane.
template <class Config, class Epilogue>
__device__ __forceinline__ void load_block(const ListParams<Epilogue>& p, const CUtensorMap* maps, const ListBlock& block,
                                           int kv_head, sm90::SmemAddress to, sm90::SmemAddress full, std::uint64_t cache) {
  const engine::Extent3& box = p.policy.kv_map.box;
  const engine::Extent3 at = block.at();
#pragma unroll
  for (int c = 0; c < Config::kChunks; ++c) {
    sm90::tma_load(to + c * Config::kKvChunkBytes, maps + block.shape(), full, cache,
                   sm90::Coords5{c * sm90::kChunkColumns, at.w * box.w, at.h * box.h, at.t * box.t, kv_head});
  }
}

/// Waits until a stage is free. All lanes wait, which is faster than one alone (docs/performance.md), and none may look at
/// the barrier after another has filled the stage.
__device__ __forceinline__ void wait_free(sm90::SmemAddress empty, std::uint32_t parity) {
  sm90::mbarrier_wait_asleep<sm90::kLoadNap>(empty, parity ^ 1u);
  __syncwarp();
}

/// Bytes of so many tokens of K or V.
template <class Config>
__device__ __forceinline__ std::uint32_t token_bytes(int tokens) {
  return static_cast<std::uint32_t>(tokens * 128 * Config::kChunks);
}

}  // namespace vsa::gpu
