#include "inverse.cuh"

#include "inverse_scan.cuh"

#include <fvattn/engine/portable.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

namespace engine = fvattn::engine;
namespace sm80 = engine::sm80;

constexpr int kLanes = 32;
constexpr int kWarps = 4;

/// The first entry of an ascending list that is at least `value`.
__device__ __forceinline__ int lower_bound(const int* list, int length, int value) {
  int first = 0;
  while (length > 0) {
    const int half = length / 2;
    if (list[first + half] < value)
      first += half + 1, length -= half + 1;
    else
      length = half;
  }
  return first;
}

// A warp has 32 key blocks, a lane one of them. It takes 32 query blocks at a time: each lane finds which of the keys its
// query attends, 32 votes transpose the bits. kFill: writes the lists; else only how long they are.
template <bool kFill>
__global__ void __launch_bounds__(kWarps* kLanes) inverse_kernel(const __grid_constant__ InverseArgs args) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int first_key = (static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kLanes) * kLanes;
  if (first_key >= args.blocks) return;
  const long long first_row = (static_cast<long long>(blockIdx.z) * args.heads + blockIdx.y) * args.blocks;
  const int key = first_key + lane;
  int total = 0;
  int* to = nullptr;
  if (kFill && key < args.blocks) to = args.list + args.offsets[first_row + key];
  for (int first_query = 0; first_query < args.blocks; first_query += kLanes) {
    const int query = first_query + lane;
    unsigned attended = 0;
    if (query < args.blocks) {
      const int* const list = args.index + (first_row + query) * args.width;
      const int length = args.count[first_row + query];
      for (int i = lower_bound(list, length, first_key); i < length && list[i] < first_key + kLanes; ++i) {
        attended |= 1u << (list[i] - first_key);
      }
    }
    unsigned queries = 0;
#pragma unroll
    for (int bit = 0; bit < kLanes; ++bit) {
      const unsigned votes = __ballot_sync(0xFFFFFFFFu, (attended >> bit & 1u) != 0);
      if (lane == bit) queries = votes;
    }
    total += __popc(queries);
    if constexpr (kFill) {
      for (; queries != 0; queries &= queries - 1) *to++ = first_query + __ffs(static_cast<int>(queries)) - 1;
    }
  }
  if (!kFill && key < args.blocks) args.totals[first_row + key] = total;
}

}  // namespace

cudaError_t invert(const InverseArgs& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(args.blocks, kWarps * kLanes)), static_cast<unsigned>(args.heads),
                  static_cast<unsigned>(args.batch));
  cudaError_t error = sm80::launch(inverse_kernel<false>, grid, kWarps * kLanes, 0, stream, args);
  if (error != cudaSuccess) return error;
  const long long rows = static_cast<long long>(args.batch) * args.heads * args.blocks;
  error = scan_totals(args.totals, args.offsets, rows, stream);
  if (error != cudaSuccess) return error;
  return sm80::launch(inverse_kernel<true>, grid, kWarps * kLanes, 0, stream, args);
}

}  // namespace vsa::gpu
