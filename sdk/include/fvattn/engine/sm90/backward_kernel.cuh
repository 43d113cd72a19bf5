// The backward kernel with a key tile stationary: one CTA a key tile, a producer warpgroup and Config::kConsumers
// consumer warpgroups. Scores are computed transposed, so that P and dS are operands of d_v and d_k as they stand in
// registers and only dS goes through shared memory, for d_q (FlashAttention-3, arXiv 2407.08608, section 3 and its code).
#pragma once

#include "fvattn/engine/sm90/backward_consumer.cuh"

namespace fvattn::engine::sm90 {

template <class Config>
__device__ __forceinline__ void init_backward_barriers(SmemAddress smem) {
  mbarrier_init(smem + Config::kKvFull, 1);
  for (int i = 0; i < Config::kStages; ++i) {
    mbarrier_init(smem + Config::kQFull + 8 * i, 1 + 32); // the tile's bytes and a warp's row values
    mbarrier_init(smem + Config::kQEmpty + 8 * i, Config::kConsumers);
    mbarrier_init(smem + Config::kDoFull + 8 * i, 1);
    mbarrier_init(smem + Config::kDoEmpty + 8 * i, Config::kConsumers);
  }
  mbarrier_init_fence();
}

template <class Config, class Element, class Policy, class Epilogues>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtasPerSm)
    backward_kernel(const __grid_constant__ BackwardCall<Policy, Epilogues> p) {
  const SmemAddress smem = smem_address(shared_memory());
  const int warpgroup = __shfl_sync(0xFFFFFFFFu, threadIdx.x / kWarpgroupThreads, 0); // provably uniform
  const WorkItem kv = p.kv_item(static_cast<int>(blockIdx.x));
  if (threadIdx.x == 0) init_backward_barriers<Config>(smem);
  __syncthreads();

  if (warpgroup == 0) {
    registers_shrink<Config::kProducerRegisters>();
    const int warp = __shfl_sync(0xFFFFFFFFu, threadIdx.x / 32, 0);
    if (threadIdx.x == 0) {
      load_tensors<Config>(p, smem, kv);
    } else if (warp == 1) {
      load_row_values<Config>(p, smem, kv);
    }
  } else {
    registers_grow<Config::kConsumerRegisters>();
    consume_backward<Config, Element>(p, smem, kv, Config::kConsumers == 1 ? 0 : warpgroup - 1);
  }
}

} // namespace fvattn::engine::sm90
