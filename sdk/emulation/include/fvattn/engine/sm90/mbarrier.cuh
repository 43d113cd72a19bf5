// Stands in for the engine's mbarrier.cuh: the same barriers by the emulator.
#pragma once

#include <fvattn/emulation/builtins.hpp>
#include <fvattn/emulation/hopper.hpp>

#include "fvattn/engine/sm90/shared_tile.cuh"

namespace fvattn::engine::sm90 {

namespace emulated = ::fvattn::emulation;

inline SmemAddress smem_address(const void* p) {
  return static_cast<SmemAddress>(static_cast<const unsigned char*>(p) - emulated::shared_memory());
}
inline void mbarrier_init(SmemAddress bar, std::uint32_t arrivals) { emulated::mbarrier_init(bar, arrivals); }
inline void mbarrier_init_fence() {}
inline void mbarrier_arrive_expect(SmemAddress bar, std::uint32_t bytes) { emulated::mbarrier_expect(bar, bytes); }
inline void mbarrier_arrive(SmemAddress bar) { emulated::mbarrier_arrive(bar, -1); }
inline void mbarrier_arrive_if(SmemAddress bar, bool predicate) {
  if (predicate) emulated::mbarrier_arrive(bar, -1);
}
inline void mbarrier_arrive_remote_if(SmemAddress bar, std::uint32_t rank, bool predicate) {
  if (predicate) emulated::mbarrier_arrive(bar, static_cast<int>(rank));
}
inline bool mbarrier_test(SmemAddress bar, std::uint32_t parity) { return emulated::mbarrier_test(bar, parity); }
inline void mbarrier_wait(SmemAddress bar, std::uint32_t parity) { emulated::mbarrier_wait(bar, parity); }
template <int kNanoseconds>
void mbarrier_wait_asleep(SmemAddress bar, std::uint32_t parity) {
  emulated::mbarrier_wait(bar, parity);
}

} // namespace fvattn::engine::sm90
