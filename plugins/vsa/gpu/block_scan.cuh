// Prefix sums over the threads of a CTA.
#pragma once

#include <cuda_runtime_api.h>

namespace vsa::gpu {

inline constexpr int kScanLanes = 32;
inline constexpr int kScanThreads = 1024;
inline constexpr int kScanWarps = kScanThreads / kScanLanes;

/// Inclusive sum over the lanes of a warp.
__device__ __forceinline__ long long warp_scan(long long value) {
  const int lane = static_cast<int>(threadIdx.x) % kScanLanes;
#pragma unroll
  for (int step = 1; step < kScanLanes; step *= 2) {
    const long long left = __shfl_sync(0xFFFFFFFFu, value, lane < step ? lane : lane - step);
    if (lane >= step) value += left;
  }
  return value;
}

/// Exclusive sum over kScanThreads threads, and the sum of all. of_warp: shared memory, free again when the call returns.
__device__ __forceinline__ long long block_scan(long long value, long long (&of_warp)[kScanWarps], long long& all) {
  const int lane = static_cast<int>(threadIdx.x) % kScanLanes, warp = static_cast<int>(threadIdx.x) / kScanLanes;
  const long long up_to = warp_scan(value);
  if (lane == kScanLanes - 1) of_warp[warp] = up_to;
  __syncthreads();
  const long long warps = warp_scan(of_warp[lane]);
  const long long before_warp = __shfl_sync(0xFFFFFFFFu, warps, warp > 0 ? warp - 1 : 0);
  all = __shfl_sync(0xFFFFFFFFu, warps, kScanWarps - 1);
  __syncthreads();
  return (warp > 0 ? before_warp : 0) + up_to - value;
}

}  // namespace vsa::gpu
