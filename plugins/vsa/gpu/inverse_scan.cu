#include "inverse_scan.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

constexpr int kLanes = 32;
constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / kLanes;

/// Inclusive sum over the lanes of a warp.
__device__ __forceinline__ long long warp_scan(long long value) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
#pragma unroll
  for (int step = 1; step < kLanes; step *= 2) {
    const long long left = __shfl_sync(0xFFFFFFFFu, value, lane < step ? lane : lane - step);
    if (lane >= step) value += left;
  }
  return value;
}

// One CTA: there are few rows (blocks x heads).
__global__ void __launch_bounds__(kThreads) inverse_scan_kernel(const int* totals, long long* offsets, long long rows) {
  __shared__ long long of_warp[kWarps];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kLanes, warp = thread / kLanes;
  long long before = 0;
  for (long long first = 0; first < rows; first += kThreads) {
    const long long row = first + thread;
    const long long total = row < rows ? totals[row] : 0, up_to = warp_scan(total);
    if (lane == kLanes - 1) of_warp[warp] = up_to;
    __syncthreads();
    const long long warps = warp_scan(of_warp[lane]);
    const long long before_warp = __shfl_sync(0xFFFFFFFFu, warps, warp > 0 ? warp - 1 : 0);
    const long long all = __shfl_sync(0xFFFFFFFFu, warps, kLanes - 1);
    if (row < rows) offsets[row] = before + (warp > 0 ? before_warp : 0) + up_to - total;
    before += all;
    __syncthreads();
  }
  if (thread == 0) offsets[rows] = before;
}

}  // namespace

cudaError_t scan_totals(const int* totals, long long* offsets, long long rows, cudaStream_t stream) {
  return fvattn::engine::sm80::launch(inverse_scan_kernel, dim3(1), kThreads, 0, stream, totals, offsets, rows);
}

}  // namespace vsa::gpu
