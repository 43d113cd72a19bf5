#include "key_order.cuh"

#include "block_scan.cuh"
#include "key_order.hpp"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

constexpr int kPlacesOfThread = kPlaces / kScanThreads;
static_assert(kPlaces % kScanThreads == 0);

/// Query blocks that visit key block `block` of a kv head, over the query heads of its group.
__device__ __forceinline__ long long visits(const KeyOrderArgs& args, int entry, int kv_head, int block) {
  const int group = args.heads / args.kv_heads;
  long long sum = 0;
  for (int h = 0; h < group; ++h) {
    const long long row = (static_cast<long long>(entry) * args.heads + kv_head * group + h) * args.blocks + block;
    sum += args.offsets[row + 1] - args.offsets[row];
  }
  return sum;
}

// One CTA a batch entry: counts the numbers of each place, then deals them out.
__global__ void __launch_bounds__(kScanThreads) key_order_kernel(const __grid_constant__ KeyOrderArgs args) {
  __shared__ long long of_warp[kScanWarps];
  __shared__ int next[kPlaces];
  const int entry = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int total = args.kv_heads * args.blocks;
  const long long first_row = static_cast<long long>(entry) * args.heads * args.blocks;
  const long long end_row = first_row + static_cast<long long>(args.heads) * args.blocks;
  const long long all_visits = args.offsets[end_row] - args.offsets[first_row];
  const KeyOrder order{all_visits + static_cast<long long>(kStepsAround) * total, args.kv_heads,
                       args.heads / args.kv_heads * args.blocks, args.ctas};
  const auto place = [&](int number) {
    const int kv_head = number / args.blocks;
    return order.place(kv_head, visits(args, entry, kv_head, number - kv_head * args.blocks));
  };
  for (int i = thread; i < kPlaces; i += kScanThreads) next[i] = 0;
  __syncthreads();
  for (int number = thread; number < total; number += kScanThreads) atomicAdd(&next[place(number)], 1);
  __syncthreads();
  int mine = 0;
  for (int i = 0; i < kPlacesOfThread; ++i) mine += next[thread * kPlacesOfThread + i];
  long long all = 0;
  int before = static_cast<int>(block_scan(mine, of_warp, all));
  for (int i = 0; i < kPlacesOfThread; ++i) {
    int& at = next[thread * kPlacesOfThread + i];
    const int count = at;
    at = before;
    before += count;
  }
  __syncthreads();
  int* const to = args.order + static_cast<long long>(entry) * total;
  for (int number = thread; number < total; number += kScanThreads) to[atomicAdd(&next[place(number)], 1)] = number;
}

}  // namespace

cudaError_t key_order(const KeyOrderArgs& args, cudaStream_t stream) {
  const dim3 entries(static_cast<unsigned>(args.batch));
  return fvattn::engine::sm80::launch(key_order_kernel, entries, kScanThreads, 0, stream, args);
}

}  // namespace vsa::gpu
