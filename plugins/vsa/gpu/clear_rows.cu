#include "clear_rows.cuh"

#include <fvattn/engine/sm80/launch.cuh>

#include <cmath>

namespace vsa::gpu {
namespace {

constexpr int kThreads = 128;

// One CTA a block of one head.
__global__ void __launch_bounds__(kThreads) clear_rows_kernel(const __grid_constant__ ClearArgs args) {
  const int block = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int size = args.map.size(block), first = args.tokens ? 0 : size, end = args.map.tiled ? args.map.box.volume() : size;
  const int chunks = args.head_dim / sm80::kChunkElements;
  for (int i = static_cast<int>(threadIdx.x); i < (end - first) * chunks; i += kThreads) {
    const int slot = first + i / chunks;
    const int row = args.map.tiled ? block * args.map.box.volume() + slot : args.map.row_of(block, slot);
    *reinterpret_cast<uint4*>(row_at<std::uint16_t>(args.to, batch, row, head) + i % chunks * sm80::kChunkElements) = {0, 0,
                                                                                                                       0, 0};
    if (args.lse != nullptr && i % chunks == 0) {
      args.lse[(static_cast<long long>(batch) * args.heads + head) * args.rows + row] = -INFINITY;
    }
  }
}

}  // namespace

cudaError_t clear_rows(const ClearArgs& args, cudaStream_t stream) {
  if (!args.tokens && !args.map.tiled) return cudaSuccess;
  const dim3 grid(static_cast<unsigned>(args.map.blocks()), static_cast<unsigned>(args.heads),
                  static_cast<unsigned>(args.batch));
  return sm80::launch(clear_rows_kernel, grid, kThreads, 0, stream, args);
}

}  // namespace vsa::gpu
