#include "given_lists.cuh"

#include <fvattn/engine/portable.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

namespace engine = fvattn::engine;
namespace sm80 = engine::sm80;

constexpr int kLanes = 32;
constexpr int kWarps = 4;

// A warp a row: a bit for each block, then the set bits in order.
__global__ void __launch_bounds__(kWarps* kLanes)
    given_lists_kernel(const __grid_constant__ GivenLists given, int words, int* index, int* count) {
  const int lane = static_cast<int>(threadIdx.x) % kLanes, warp = static_cast<int>(threadIdx.x) / kLanes;
  unsigned* const bits = reinterpret_cast<unsigned*>(sm80::shared_memory()) + warp * words;
  const int head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int block = static_cast<int>(blockIdx.x) * kWarps + warp;
  for (int at = lane; at < words; at += kLanes) bits[at] = 0;
  __syncwarp();
  if (block >= given.blocks) return;

  const auto offset = [&](const std::int64_t* strides) {
    return batch * strides[0] + head * strides[1] + block * strides[2];
  };
  const int length = engine::smaller(given.count[offset(given.count_strides)], given.width);
  const int* const from = given.index + offset(given.index_strides);
  for (int i = lane; i < length; i += kLanes) {
    const int to = from[i * given.index_strides[3]];
    if (to >= 0 && to < given.blocks) atomicOr(bits + to / 32, 1u << to % 32);
  }
  __syncwarp();

  const long long row = (static_cast<long long>(batch) * given.heads + head) * given.blocks + block;
  int* const list = index + row * given.width;
  int written = 0;
  for (int first = 0; first < words; first += kLanes) {
    unsigned word = bits[first + lane];
    int before = __popc(word);  // inclusive, then exclusive
#pragma unroll
    for (int step = 1; step < kLanes; step *= 2) {
      const int left = __shfl_sync(0xFFFFFFFFu, before, lane < step ? lane : lane - step);
      if (lane >= step) before += left;
    }
    const int total = __shfl_sync(0xFFFFFFFFu, before, kLanes - 1);
    int to = written + before - __popc(word);
    for (; word != 0; word &= word - 1) list[to++] = (first + lane) * 32 + __ffs(static_cast<int>(word)) - 1;
    written += total;
  }
  if (lane == 0) count[row] = written;
}

}  // namespace

cudaError_t read_given(const GivenLists& given, int* index, int* count, cudaStream_t stream) {
  const int words = engine::ceil_div(given.blocks, 32 * kLanes) * kLanes;
  const dim3 grid(static_cast<unsigned>(engine::ceil_div(given.blocks, kWarps)), static_cast<unsigned>(given.heads),
                  static_cast<unsigned>(given.batch));
  return sm80::launch(given_lists_kernel, grid, kWarps * kLanes, static_cast<std::size_t>(kWarps) * words * sizeof(unsigned),
                      stream, given, words, index, count);
}

}  // namespace vsa::gpu
