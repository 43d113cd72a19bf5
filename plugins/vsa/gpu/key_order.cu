#include "key_order.cuh"

#include "block_scan.cuh"
#include "key_order.hpp"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

constexpr int kCountBits = 21;  // of a class in a packed sum
constexpr long long kCountMask = (1LL << kCountBits) - 1;
static_assert(kLengthClasses * kCountBits < 64 && kMostOrdered <= kCountMask);

/// Query blocks that visit key block `block` of a kv head, over the query heads of its group.
__device__ __forceinline__ long long visits(const KeyOrderArgs& args, int entry, int number) {
  const int group = args.heads / args.kv_heads, kv_head = number / args.blocks, block = number - kv_head * args.blocks;
  long long sum = 0;
  for (int h = 0; h < group; ++h) {
    const long long row = (static_cast<long long>(entry) * args.heads + kv_head * group + h) * args.blocks + block;
    sum += args.offsets[row + 1] - args.offsets[row];
  }
  return sum;
}

// One CTA a batch entry: counts the classes, then deals out places, both in the order of the numbers.
__global__ void __launch_bounds__(kScanThreads) key_order_kernel(const __grid_constant__ KeyOrderArgs args) {
  __shared__ long long of_warp[kScanWarps];
  const int entry = static_cast<int>(blockIdx.x), total = args.kv_heads * args.blocks;
  const long long first_row = static_cast<long long>(entry) * args.heads * args.blocks;
  const long long end_row = first_row + static_cast<long long>(args.heads) * args.blocks;
  const long long all_visits = args.offsets[end_row] - args.offsets[first_row];
  long long before = 0;  // packed: places given out of each class
  for (const bool places : {false, true}) {
    long long counted = 0;
    for (int first = 0; first < total; first += kScanThreads) {
      const int number = first + static_cast<int>(threadIdx.x);
      const int shift =
          number < total ? kCountBits * length_class(visits(args, entry, number), all_visits, total) : 0;
      long long all = 0;
      const long long at = block_scan(number < total ? 1LL << shift : 0, of_warp, all);
      if (places && number < total) {
        const long long place = (before + counted + at) >> shift & kCountMask;
        args.order[static_cast<long long>(entry) * total + place] = number;
      }
      counted += all;
    }
    // A class begins behind those before it.
    if (places) break;
    for (int c = 1; c < kLengthClasses; ++c) {
      const int shift = kCountBits * (c - 1);
      before += ((before >> shift & kCountMask) + (counted >> shift & kCountMask)) << kCountBits * c;
    }
  }
}

}  // namespace

cudaError_t key_order(const KeyOrderArgs& args, cudaStream_t stream) {
  const dim3 entries(static_cast<unsigned>(args.batch));
  return fvattn::engine::sm80::launch(key_order_kernel, entries, kScanThreads, 0, stream, args);
}

}  // namespace vsa::gpu
