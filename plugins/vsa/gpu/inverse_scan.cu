#include "inverse_scan.cuh"

#include "block_scan.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

// One CTA: there are few rows (blocks x heads).
__global__ void __launch_bounds__(kScanThreads) inverse_scan_kernel(const int* totals, long long* offsets, long long rows) {
  __shared__ long long of_warp[kScanWarps];
  long long before = 0;
  for (long long first = 0; first < rows; first += kScanThreads) {
    const long long row = first + static_cast<int>(threadIdx.x);
    long long all = 0;
    const long long at = block_scan(row < rows ? totals[row] : 0, of_warp, all);
    if (row < rows) offsets[row] = before + at;
    before += all;
  }
  if (threadIdx.x == 0) offsets[rows] = before;
}

}  // namespace

cudaError_t scan_totals(const int* totals, long long* offsets, long long rows, cudaStream_t stream) {
  return fvattn::engine::sm80::launch(inverse_scan_kernel, dim3(1), kScanThreads, 0, stream, totals, offsets, rows);
}

}  // namespace vsa::gpu
