// The instructions the engine is made of, one function each. Everything above this file is plain C++, so that the tests
// can replace this file (and launch.cuh) by an emulator and run the kernels on a CPU.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace fvattn::engine::sm80 {

__device__ __forceinline__ int thread_index() { return static_cast<int>(threadIdx.x); }

/// The same, read anew: what is computed from it is computed again in each round of a loop, instead of being kept in
/// registers that a long loop body does not have.
__device__ __forceinline__ int fresh_thread_index() {
  int index;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(index));
  return index;
}

__device__ __forceinline__ dim3 block_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }

__device__ __forceinline__ dim3 grid_size() { return {gridDim.x, gridDim.y, gridDim.z}; }

/// The CTA's dynamic shared memory.
__device__ __forceinline__ unsigned char* shared_memory() {
  extern __shared__ __align__(1024) unsigned char fvattn_sm80_shared[];
  return fvattn_sm80_shared;
}

/// The address that ldmatrix and cp.async take.
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ __forceinline__ void block_sync() { __syncthreads(); }

__device__ __forceinline__ void warp_sync() { __syncwarp(); }

__device__ __forceinline__ bool warp_any(bool value) { return __any_sync(0xffffffffu, value) != 0; }

__device__ __forceinline__ float warp_shuffle_xor(float value, int lane_mask) {
  return __shfl_xor_sync(0xffffffffu, value, lane_mask);
}

/// Copies 16 bytes to shared memory, or zeros when not valid (`source` must then still be an address one may form).
__device__ __forceinline__ void copy_async_16(std::uint32_t target, const void* source, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(__cvta_generic_to_global(source)),
               "r"(valid ? 16 : 0)
               : "memory");
}

/// The same with 4 bytes.
__device__ __forceinline__ void copy_async_4(std::uint32_t target, const void* source, bool valid) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(target), "l"(__cvta_generic_to_global(source)),
               "r"(valid ? 4 : 0)
               : "memory");
}

__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// Until at most kPending of this thread's youngest groups are under way.
template <int kPending>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

__device__ __forceinline__ void load_matrix_x4(std::uint32_t (&out)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
}

__device__ __forceinline__ void load_matrix_x4_transposed(std::uint32_t (&out)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
}

/// d += a * b, one 16x8x16 product with float32 accumulation.
template <class Element>
__device__ __forceinline__ void multiply_add(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                             std::uint32_t b1);

template <>
__device__ __forceinline__ void multiply_add<__nv_bfloat16>(float (&d)[4], const std::uint32_t (&a)[4],
                                                            std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void multiply_add<__half>(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                                     std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// 2^x; -inf gives 0.
__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Rounds two values and packs them, `low` in the lower half.
template <class Element>
__device__ __forceinline__ std::uint32_t pack(float low, float high);

template <>
__device__ __forceinline__ std::uint32_t pack<__nv_bfloat16>(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

template <>
__device__ __forceinline__ std::uint32_t pack<__half>(float low, float high) {
  std::uint32_t packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// The two values of a packed pair.
template <class Element>
__device__ __forceinline__ float2 unpack(std::uint32_t packed);

template <>
__device__ __forceinline__ float2 unpack<__nv_bfloat16>(std::uint32_t packed) {
  return {__uint_as_float(packed << 16), __uint_as_float(packed & 0xffff0000u)};
}

template <>
__device__ __forceinline__ float2 unpack<__half>(std::uint32_t packed) {
  __half2 pair;
  __builtin_memcpy(&pair, &packed, sizeof(pair));
  return __half22float2(pair);
}

/// Four float32 values a thread and fragment, stored so that the lanes of a warp add to neighbouring addresses: as
/// vectors where the GPU has vector reductions, else as four planes. The order among CTAs is not fixed. kKept: the L2 cache
/// gives up other lines before these.
template <int kThreads, bool kKept = false>
__device__ __forceinline__ void atomic_add_fragment(float* target, int fragment, int thread, const float (&values)[4]) {
#if __CUDA_ARCH__ >= 900
  float* const mine = target + (fragment * kThreads + thread) * 4;
  if constexpr (kKept) {
    constexpr unsigned long long kEvictLast = 0x14F0000000000000ull;  // what createpolicy makes of L2::evict_last
    asm volatile("red.relaxed.gpu.global.add.L2::cache_hint.v4.f32 [%0], {%1, %2, %3, %4}, %5;" ::"l"(
                     __cvta_generic_to_global(mine)),
                 "f"(values[0]), "f"(values[1]), "f"(values[2]), "f"(values[3]), "l"(kEvictLast)
                 : "memory");
  } else {
    asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(mine)),
                 "f"(values[0]), "f"(values[1]), "f"(values[2]), "f"(values[3])
                 : "memory");
  }
#else
#pragma unroll
  for (int r = 0; r < 4; ++r) atomicAdd(target + (fragment * 4 + r) * kThreads + thread, values[r]);
#endif
}

/// Reads back what atomic_add_fragment summed.
template <int kThreads>
__device__ __forceinline__ void load_fragment(float (&values)[4], const float* source, int fragment, int thread) {
#if __CUDA_ARCH__ >= 900
  const float4 all = *reinterpret_cast<const float4*>(source + (fragment * kThreads + thread) * 4);
  values[0] = all.x, values[1] = all.y, values[2] = all.z, values[3] = all.w;
#else
#pragma unroll
  for (int r = 0; r < 4; ++r) values[r] = source[(fragment * 4 + r) * kThreads + thread];
#endif
}

}  // namespace fvattn::engine::sm80
