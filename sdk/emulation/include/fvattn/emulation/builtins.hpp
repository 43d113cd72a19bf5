// CUDA C++ as g++ reads it: the keywords and built-in functions that kernels use, over the emulator (cta.hpp). Included by
// force before the first line of every file that fvattn_emulate() compiles. Launches go through engine/sm80/launch.cuh.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>

#include <fvattn/emulation/cta.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#undef __global__
#define __global__
#undef __device__
#define __device__
#undef __forceinline__
#define __forceinline__ inline
#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __grid_constant__
#define __grid_constant__
// CTAs of a grid run one after the other, so one copy serves them all. (Only for kernels without clusters.)
#undef __shared__
#define __shared__ static

#define threadIdx (dim3(static_cast<unsigned>(::fvattn::emulation::thread_index()), 0, 0))
#define blockIdx (::fvattn::emulation::block_index())
#define blockDim (dim3(static_cast<unsigned>(::fvattn::emulation::block_threads())))
#define gridDim (::fvattn::emulation::grid_size())

inline void __syncthreads() { ::fvattn::emulation::block_sync(); }
inline void __syncwarp() { ::fvattn::emulation::warp_sync(); }
inline void __threadfence() {}
inline void __nanosleep(unsigned) {}
[[noreturn]] inline void __trap() { std::abort(); }

// Warp functions: every lane takes part, as the emulator checks.
template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  return ::fvattn::emulation::warp_shuffle(value, [lane](int) { return lane; });
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return ::fvattn::emulation::warp_shuffle(value, [mask](int lane) { return lane ^ mask; });
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned by) {
  return ::fvattn::emulation::warp_shuffle(value, [by = static_cast<int>(by)](int lane) { return lane < by ? lane : lane - by; });
}
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned by) {
  return ::fvattn::emulation::warp_shuffle(value, [by = static_cast<int>(by)](int lane) { return lane + by > 31 ? lane : lane + by; });
}
inline unsigned __ballot_sync(unsigned, bool value) { return ::fvattn::emulation::warp_ballot(value); }
inline int __any_sync(unsigned, bool value) { return ::fvattn::emulation::warp_ballot(value) != 0; }
inline int __all_sync(unsigned, bool value) { return ::fvattn::emulation::warp_ballot(value) == 0xffffffffu; }

// Atomics: fibers do not preempt each other.
template <class T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  *at = before + value;
  return before;
}
template <class T>
T atomicMin(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  *at = std::min(before, value);
  return before;
}
template <class T>
T atomicMax(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  *at = std::max(before, value);
  return before;
}
template <class T>
T atomicOr(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  *at = before | value;
  return before;
}
template <class T>
T atomicExch(T* at, std::type_identity_t<T> value) {
  const T before = *at;
  *at = value;
  return before;
}

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline float __logf(float x) { return std::log(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
template <class T>
T __ldg(const T* at) {
  return *at;
}
