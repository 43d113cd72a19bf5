// Stands in for the engine's tma.cuh: the same copies by the emulator. Cache hints do nothing.
#pragma once

#include "fvattn/engine/sm90/mbarrier.cuh"
#include "fvattn/engine/sm90/tensor_coords.hpp"

namespace fvattn::engine::sm90 {

inline void tma_prefetch_map(const CUtensorMap*) {}
template <CacheHint>
std::uint64_t cache_policy() {
  return 0;
}

inline void tma_load_multicast(SmemAddress dst, const CUtensorMap* map, SmemAddress bar, std::uint64_t, std::uint16_t mask,
                               Coords4 c) {
  emulated::tensor_load(dst, map, bar, &c.c0, 4, mask);
}
inline void tma_load_multicast(SmemAddress dst, const CUtensorMap* map, SmemAddress bar, std::uint64_t, std::uint16_t mask,
                               Coords5 c) {
  emulated::tensor_load(dst, map, bar, &c.c0, 5, mask);
}
template <class Coords>
void tma_load(SmemAddress dst, const CUtensorMap* map, SmemAddress bar, std::uint64_t policy, Coords c) {
  tma_load_multicast(dst, map, bar, policy, 0, c);
}
inline void tma_store(const CUtensorMap* map, SmemAddress src, Coords4 c) { emulated::tensor_store(map, src, &c.c0, 4); }
inline void tma_store(const CUtensorMap* map, SmemAddress src, Coords5 c) { emulated::tensor_store(map, src, &c.c0, 5); }
inline void tma_store_commit() {}
inline void tma_store_wait_read() { emulated::bulk_wait_read(); }
inline void async_proxy_fence() {}

} // namespace fvattn::engine::sm90
