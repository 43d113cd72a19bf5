// The tensor copy engine: loads that complete on an mbarrier, stores that complete as bulk groups.
// Coordinates out of range read as zeros and are dropped on store, and a clipped box still counts its full bytes.
#pragma once

#include <cuda.h>

#include "fvattn/engine/sm90/mbarrier.cuh"
#include "fvattn/engine/sm90/tensor_coords.hpp"

namespace fvattn::engine::sm90 {

__device__ __forceinline__ void tma_prefetch_map(const CUtensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

// L2 policy word for the loads below: K and V are reread by every query tile of a head, Q is read once.
template <CacheHint kHint>
__device__ __forceinline__ std::uint64_t cache_policy() {
  std::uint64_t policy;
  if constexpr (kHint == CacheHint::kEvictFirst) {
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  } else if constexpr (kHint == CacheHint::kHalfEvictFirst) {
    asm volatile("createpolicy.fractional.L2::evict_first.L2::evict_unchanged.b64 %0, 0.5;" : "=l"(policy));
  } else {
    asm volatile("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
  }
  return policy;
}

__device__ __forceinline__ void tma_load(SmemAddress dst, const CUtensorMap* map, SmemAddress bar, std::uint64_t policy,
                                         Coords4 c) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
               " [%0], [%1, {%3, %4, %5, %6}], [%2], %7;" ::"r"(dst),
               "l"(map), "r"(bar), "r"(c.c0), "r"(c.c1), "r"(c.c2), "r"(c.c3), "l"(policy)
               : "memory");
}

__device__ __forceinline__ void tma_load(SmemAddress dst, const CUtensorMap* map, SmemAddress bar, std::uint64_t policy,
                                         Coords5 c) {
  asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
               " [%0], [%1, {%3, %4, %5, %6, %7}], [%2], %8;" ::"r"(dst),
               "l"(map), "r"(bar), "r"(c.c0), "r"(c.c1), "r"(c.c2), "r"(c.c3), "r"(c.c4), "l"(policy)
               : "memory");
}

// Lands at the same shared offset in every CTA of `cta_mask` and completes on each one's barrier at that offset.
__device__ __forceinline__ void tma_load_multicast(SmemAddress dst, const CUtensorMap* map, SmemAddress bar,
                                                   std::uint64_t policy, std::uint16_t cta_mask, Coords4 c) {
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
               ".L2::cache_hint [%0], [%1, {%3, %4, %5, %6}], [%2], %7, %8;" ::"r"(dst),
               "l"(map), "r"(bar), "r"(c.c0), "r"(c.c1), "r"(c.c2), "r"(c.c3), "h"(cta_mask), "l"(policy)
               : "memory");
}

__device__ __forceinline__ void tma_load_multicast(SmemAddress dst, const CUtensorMap* map, SmemAddress bar,
                                                   std::uint64_t policy, std::uint16_t cta_mask, Coords5 c) {
  asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
               ".L2::cache_hint [%0], [%1, {%3, %4, %5, %6, %7}], [%2], %8, %9;" ::"r"(dst),
               "l"(map), "r"(bar), "r"(c.c0), "r"(c.c1), "r"(c.c2), "r"(c.c3), "r"(c.c4), "h"(cta_mask), "l"(policy)
               : "memory");
}

__device__ __forceinline__ void tma_store(const CUtensorMap* map, SmemAddress src, Coords4 c) {
  asm volatile("cp.async.bulk.tensor.4d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5}], [%1];" ::"l"(map),
               "r"(src), "r"(c.c0), "r"(c.c1), "r"(c.c2), "r"(c.c3)
               : "memory");
}

__device__ __forceinline__ void tma_store(const CUtensorMap* map, SmemAddress src, Coords5 c) {
  asm volatile("cp.async.bulk.tensor.5d.global.shared::cta.bulk_group [%0, {%2, %3, %4, %5, %6}], [%1];" ::"l"(map),
               "r"(src), "r"(c.c0), "r"(c.c1), "r"(c.c2), "r"(c.c3), "r"(c.c4)
               : "memory");
}

__device__ __forceinline__ void tma_store_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }

// The committed stores have read their shared memory: it may be overwritten.
__device__ __forceinline__ void tma_store_wait_read() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

// Orders this thread's ordinary shared-memory writes before later reads by TMA or wgmma.
__device__ __forceinline__ void async_proxy_fence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

} // namespace fvattn::engine::sm90
