#include "inverse_lists.cuh"

#include <fvattn/engine/portable.hpp>
#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {

namespace sm80 = fvattn::engine::sm80;

namespace {

constexpr int kThreads = 128, kScanThreads = 1024, kScanWarps = kScanThreads / 32;

/// body(tile) for the tiles of a (head, chunk), ascending.
template <class Body>
__device__ void each_tile(const TileBits& bits, int list, Body&& body) {
  const int head = list / bits.chunks, chunk = list % bits.chunks;
  const std::uint32_t* word = bits.of_tile + static_cast<long long>(head) * bits.q_tiles * bits.words + chunk / 32;
  for (int tile = 0; tile < bits.q_tiles; ++tile, word += bits.words)
    if (*word >> (chunk % 32) & 1) body(tile);
}

// A thread a (head, chunk).
__global__ void __launch_bounds__(kThreads) count_tiles_kernel(TileBits bits, int* sizes) {
  const int list = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (list >= bits.heads * bits.chunks) return;
  int size = 0;
  each_tile(bits, list, [&](int) { ++size; });
  sizes[list] = size;
}

// One block: offsets[i] = the sum of sizes before i, offsets[n] = of all.
__global__ void __launch_bounds__(kScanThreads) scan_sizes_kernel(const int* sizes, int n, long long* offsets) {
  __shared__ long long of_warp[kScanWarps];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  long long before = 0;
  for (int first = 0; first < n; first += kScanThreads) {
    const int i = first + thread;
    const long long own = i < n ? sizes[i] : 0;
    long long sum = own;
    for (int by = 1; by < 32; by *= 2) {
      const long long other = __shfl_up_sync(0xffffffffu, sum, static_cast<unsigned>(by));
      if (lane >= by) sum += other;
    }
    if (lane == 31) of_warp[thread / 32] = sum;
    __syncthreads();
    long long all = 0;
    for (int w = 0; w < kScanWarps; ++w) {
      if (w < thread / 32) sum += of_warp[w];
      all += of_warp[w];
    }
    if (i < n) offsets[i] = before + sum - own;
    before += all;
    __syncthreads();
  }
  if (thread == 0) offsets[n] = before;
}

// A thread a (head, chunk).
__global__ void __launch_bounds__(kThreads) list_tiles_kernel(TileBits bits, const long long* offsets, int* inverse) {
  const int list = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (list >= bits.heads * bits.chunks) return;
  int* to = inverse + offsets[list];
  each_tile(bits, list, [&](int tile) { *to++ = tile; });
}

}  // namespace

cudaError_t invert_tiles(const TileBits& bits, int* sizes, long long* offsets, int* inverse, cudaStream_t stream) {
  const int lists = bits.heads * bits.chunks;
  const dim3 grid(static_cast<unsigned>(fvattn::engine::ceil_div(lists, kThreads)));
  if (const cudaError_t error = sm80::launch(count_tiles_kernel, grid, kThreads, 0, stream, bits, sizes);
      error != cudaSuccess)
    return error;
  const int* counted = sizes;
  if (const cudaError_t error = sm80::launch(scan_sizes_kernel, dim3(1), kScanThreads, 0, stream, counted, lists, offsets);
      error != cudaSuccess)
    return error;
  const long long* scanned = offsets;
  return sm80::launch(list_tiles_kernel, grid, kThreads, 0, stream, bits, scanned, inverse);
}

}  // namespace vmoba::gpu
