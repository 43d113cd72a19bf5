// Stands in for the engine's warpgroup.cuh: the same groups and barriers by the emulator. Registers are not counted.
#pragma once

#include "fvattn/engine/sm90/mbarrier.cuh"

namespace fvattn::engine::sm90 {

inline unsigned char* shared_memory() { return emulated::shared_memory(); }

inline void wgmma_fence() { emulated::wgmma_fence(); }
inline void wgmma_commit() { emulated::wgmma_commit(); }
template <int kPending>
void wgmma_wait() {
  emulated::wgmma_wait(kPending);
}
template <class Registers>
void pin(Registers&) {}
inline void compute_before(float) {}
template <int>
void registers_shrink() {}
template <int>
void registers_grow() {}

inline void named_barrier_sync(int id, int threads) { emulated::named_barrier(id, threads, true); }
inline void named_barrier_arrive(int id, int threads) { emulated::named_barrier(id, threads, false); }
inline void cluster_arrive() { emulated::cluster_arrive(); }
inline void cluster_wait() { emulated::cluster_wait(); }
inline std::uint32_t cluster_rank() { return static_cast<std::uint32_t>(emulated::cluster_rank()); }

inline void stmatrix_x4(SmemAddress row, std::uint32_t r0, std::uint32_t r1, std::uint32_t r2, std::uint32_t r3) {
  const std::uint32_t values[4] = {r0, r1, r2, r3};
  emulated::store_matrix(row, values, false);
}
inline void stmatrix_x4_transposed(SmemAddress column, std::uint32_t r0, std::uint32_t r1, std::uint32_t r2, std::uint32_t r3) {
  const std::uint32_t values[4] = {r0, r1, r2, r3};
  emulated::store_matrix(column, values, true);
}

} // namespace fvattn::engine::sm90
