// The forward kernel: persistent CTAs of one producer warpgroup and Config::kConsumers consumer warpgroups.
#pragma once

#include "fvattn/engine/sm90/consumer.cuh"
#include "fvattn/engine/sm90/owned_consumer.cuh"
#include "fvattn/engine/sm90/producer.cuh"

namespace fvattn::engine::sm90 {

// kArrivals: of a consumer that frees a stage of K or V.
template <class Config, int kArrivals = 1>
__device__ __forceinline__ void init_barriers(SmemAddress smem) {
  constexpr int kKvUsers = Config::kConsumers * Config::kCluster * kArrivals;
  for (int i = 0; i < Config::kQStages; ++i) {
    mbarrier_init(smem + Config::kQFull + 8 * i, 1);
    mbarrier_init(smem + Config::kQEmpty + 8 * i, 1);
  }
  for (int i = 0; i < Config::kQStages * Config::kConsumers; ++i) {
    mbarrier_init(smem + Config::kOFull + 8 * i, kWarpgroupThreads / 32);
  }
  for (int i = 0; i < Config::kKStages; ++i) {
    mbarrier_init(smem + Config::kKFull + 8 * i, 1);
    mbarrier_init(smem + Config::kKEmpty + 8 * i, kKvUsers);
  }
  for (int i = 0; i < Config::kVStages; ++i) {
    mbarrier_init(smem + Config::kVFull + 8 * i, 1);
    mbarrier_init(smem + Config::kVEmpty + 8 * i, kKvUsers);
  }
  mbarrier_init_fence();
}

template <class Config, class Element, class Policy, class Epilogue>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtasPerSm)
    forward_kernel(const __grid_constant__ ForwardParams<Policy, Epilogue> p) {
  const SmemAddress smem = smem_address(shared_memory());
  const int warpgroup = __shfl_sync(0xFFFFFFFFu, threadIdx.x / kWarpgroupThreads, 0); // provably uniform
  const auto seat = Seat<Config>::here();
  if (threadIdx.x == 0) init_barriers<Config, OwnedPolicy<Policy> ? kOwnedArrivals : 1>(smem);
  __syncthreads();
  if constexpr (Config::kCluster > 1) {
    cluster_arrive();
    cluster_wait();
  }

  if (warpgroup == 0) {
    registers_shrink<Config::kProducerRegisters>();
    if (threadIdx.x == 0) {
      produce<Config>(p, smem, seat);
    } else if (threadIdx.x == 32) {
      store_outputs<Config>(p, smem, seat);
    }
  } else {
    registers_grow<Config::kConsumerRegisters>();
    if constexpr (OwnedPolicy<Policy>) {
      consume_owned<Config, Element>(p, smem, seat, warpgroup - 1);
    } else {
      consume<Config, Element>(p, smem, seat, warpgroup - 1);
    }
  }

  // A CTA must not leave while its cluster mate may still write to its shared memory.
  if constexpr (Config::kCluster > 1) {
    __syncwarp();
    cluster_arrive();
    cluster_wait();
  }
}

} // namespace fvattn::engine::sm90
