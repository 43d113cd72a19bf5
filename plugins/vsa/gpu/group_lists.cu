#include "group_lists.cuh"

#include <fvattn/engine/portable.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

namespace engine = fvattn::engine;
namespace sm80 = engine::sm80;

constexpr int kLanes = 32;
constexpr int kWarps = 4;
constexpr int kMostSize = 3;

// A warp a group: a bit for each block and list, then the set bits in order.
__global__ void __launch_bounds__(kWarps* kLanes)
    group_lists_kernel(const __grid_constant__ GroupArgs args, int words) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes, warp = static_cast<int>(threadIdx.x) / kLanes;
  const int groups = engine::ceil_div(args.blocks, args.size);
  unsigned* const bits = reinterpret_cast<unsigned*>(sm80::shared_memory()) + warp * kMostSize * words;
  const int group = static_cast<int>(blockIdx.x) * kWarps + warp;
  for (int at = lane; at < kMostSize * words; at += kLanes) bits[at] = 0;
  __syncwarp();
  if (group >= groups) return;

  const long long list = static_cast<long long>(blockIdx.z) * args.heads + blockIdx.y;
  for (int b = 0; b < args.size && group * args.size + b < args.blocks; ++b) {
    const long long row = list * args.blocks + group * args.size + b;
    const int* const from = args.index + row * args.width;
    for (int i = lane; i < args.count[row]; i += kLanes) atomicOr(bits + b * words + from[i] / 32, 1u << from[i] % 32);
  }
  __syncwarp();

  const long long to_row = list * groups + group;
  int* const to = args.group + to_row * args.size * args.width;
  int written = 0;
  for (int first = 0; first < words; first += kLanes) {
    unsigned of[kMostSize], all = 0;
    for (int b = 0; b < kMostSize; ++b) all |= of[b] = bits[b * words + first + lane];
    int before = __popc(all);  // inclusive, then exclusive
#pragma unroll
    for (int step = 1; step < kLanes; step *= 2) {
      const int left = __shfl_sync(0xFFFFFFFFu, before, lane < step ? lane : lane - step);
      if (lane >= step) before += left;
    }
    const int total = __shfl_sync(0xFFFFFFFFu, before, kLanes - 1);
    int at = written + before - __popc(all);
    for (; all != 0; all &= all - 1) {
      const int bit = __ffs(static_cast<int>(all)) - 1;
      int entry = ((first + lane) * 32 + bit) << args.size;
      for (int b = 0; b < kMostSize; ++b) entry |= static_cast<int>(of[b] >> bit & 1u) << b;
      to[at++] = entry;
    }
    written += total;
  }
  if (lane == 0) args.group_count[to_row] = written;
}

}  // namespace

cudaError_t group_lists(const GroupArgs& args, cudaStream_t stream) {
  const int words = engine::ceil_div(args.blocks, 32 * kLanes) * kLanes;  // 48 KiB of shared memory at most
  const int groups = engine::ceil_div(args.blocks, args.size);
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(groups, kWarps)), static_cast<unsigned>(args.heads),
                  static_cast<unsigned>(args.batch));
  const std::size_t bytes = static_cast<std::size_t>(kWarps) * kMostSize * words * sizeof(unsigned);
  return sm80::launch(group_lists_kernel, grid, kWarps * kLanes, bytes, stream, args, words);
}

}  // namespace vsa::gpu
