// Gates as integers of the same order.
#pragma once

#include <cstdint>

namespace vmoba::gpu {

__device__ inline std::uint32_t key_of(float gate) {
  const std::uint32_t bits = __float_as_uint(gate);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ inline float gate_of(std::uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7FFFFFFFu : ~key);
}

}  // namespace vmoba::gpu
