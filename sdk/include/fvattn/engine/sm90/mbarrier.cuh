// mbarrier: the shared-memory barrier that TMA completes and warps wait on.
// libcu++'s cuda::ptx covers part of this; it lacks the remote arrive without release (0.65 us cheaper per stage,
// measured) and works on 64-bit generic pointers, where the producer warp has 24 to 40 registers in all.
#pragma once

#include "fvattn/engine/sm90/shared_tile.cuh"

namespace fvattn::engine::sm90 {

__device__ __forceinline__ SmemAddress smem_address(const void* p) {
  return static_cast<SmemAddress>(__cvta_generic_to_shared(p));
}

__device__ __forceinline__ void mbarrier_init(SmemAddress bar, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(arrivals) : "memory");
}

// Makes initialised barriers visible to the async proxy and to the other CTAs of the cluster.
__device__ __forceinline__ void mbarrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// One arrival that also announces `bytes` of TMA traffic for this phase.
__device__ __forceinline__ void mbarrier_arrive_expect(SmemAddress bar, std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes) : "memory");
}

__device__ __forceinline__ void mbarrier_arrive(SmemAddress bar) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(bar) : "memory");
}

// Predicated inside the instruction: a branch here, between wgmma groups, makes ptxas serialise them.
__device__ __forceinline__ void mbarrier_arrive_if(SmemAddress bar, bool predicate) {
  asm volatile("{.reg .pred p; setp.ne.b32 p, %1, 0; @p mbarrier.arrive.shared::cta.b64 _, [%0];}" ::"r"(bar),
               "r"(static_cast<int>(predicate))
               : "memory");
}

// Arrives on the barrier at the same offset in CTA `rank` of the cluster.
__device__ __forceinline__ void mbarrier_arrive_remote_if(SmemAddress bar, std::uint32_t rank, bool predicate) {
  asm volatile("{.reg .b32 r; .reg .pred p; setp.ne.b32 p, %2, 0; mapa.shared::cluster.u32 r, %0, %1;"
               "@p mbarrier.arrive.shared::cluster.b64 _, [r];}" ::"r"(bar),
               "r"(rank), "r"(static_cast<int>(predicate))
               : "memory");
}

__device__ __forceinline__ bool mbarrier_try_wait(SmemAddress bar, std::uint32_t parity) {
  std::uint32_t done;
  asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
               : "=r"(done)
               : "r"(bar), "r"(parity)
               : "memory");
  return done != 0;
}

// Whether the phase of parity `parity` is complete, without waiting.
__device__ __forceinline__ bool mbarrier_test(SmemAddress bar, std::uint32_t parity) {
  std::uint32_t done;
  asm volatile("{.reg .pred p; mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
               : "=r"(done)
               : "r"(bar), "r"(parity)
               : "memory");
  return done != 0;
}

// Waits until the phase of parity `parity` is complete. A fresh barrier counts its "previous" phase (parity 1) as
// complete, so a producer starts with parity 1.
__device__ __forceinline__ void mbarrier_wait(SmemAddress bar, std::uint32_t parity) {
  while (!mbarrier_try_wait(bar, parity)) {
  }
}

// As mbarrier_wait, for the lone threads that load and store: a spinning warp takes issue slots from the consumers and
// room in the queue of their exponentials (seen in a profile: up to a third of all samples were theirs).
template <int kNanoseconds>
__device__ __forceinline__ void mbarrier_wait_asleep(SmemAddress bar, std::uint32_t parity) {
  while (!mbarrier_try_wait(bar, parity)) {
    __nanosleep(kNanoseconds);
  }
}

} // namespace fvattn::engine::sm90
