#include "split_gradient.cuh"

#include <fvattn/engine/sm80/launch.cuh>

namespace vsa::gpu {
namespace {

constexpr int kLanes = 16;  // threads of a row: eight channels each, twice above head dim 128
constexpr int kRows = 8;    // at a time
constexpr int kThreads = kRows * kLanes;
constexpr int kSteps = 2;
constexpr int kMostDim = kSteps * kLanes * sm80::kChunkElements;

struct Sums {
  float d_coarse[kSteps][8] = {};
};

/// One row: adds to the sums, writes d_gate; this lane's part of delta.
template <class Element>
__device__ __forceinline__ float split_row(const SplitArgs& args, int batch, int head, int row,
                                           const float (&coarse)[kSteps][8], Sums& sums) {
  const Element* const o = row_at<Element>(args.o, batch, row, head);
  const Element* const low = row_at<Element>(args.low, batch, row, head);
  const Element* const d_o = row_at<Element>(args.d_o, batch, row, head);
  const Element* const gate = args.gate.data == nullptr ? nullptr : row_at<Element>(args.gate, batch, row, head);
  float delta = 0.0f;
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const int column = (step * kLanes + static_cast<int>(threadIdx.x) % kLanes) * sm80::kChunkElements;
    if (column >= args.head_dim) break;
    float result[8], rest[8], d_result[8], scale[8], d_scale[8];
    load_8(result, o + column);
    load_8(rest, low + column);
    load_8(d_result, d_o + column);
    if (gate != nullptr) load_8(scale, gate + column);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float factor = gate != nullptr ? scale[i] : 1.0f;
      delta += d_result[i] * (result[i] - factor * coarse[step][i] + rest[i]);
      sums.d_coarse[step][i] += factor * d_result[i];
      d_scale[i] = d_result[i] * coarse[step][i];
    }
    if (args.d_gate.data != nullptr) store_8(row_at<Element>(args.d_gate, batch, row, head) + column, d_scale);
  }
  return delta;
}

// One CTA a block of one head.
template <class Element>
__global__ void __launch_bounds__(kThreads) split_gradient_kernel(const __grid_constant__ SplitArgs args) {
  __shared__ float partial[kRows][kMostDim];
  const int block = static_cast<int>(blockIdx.x), head = static_cast<int>(blockIdx.y), batch = static_cast<int>(blockIdx.z);
  const int lane = static_cast<int>(threadIdx.x) % kLanes, group = static_cast<int>(threadIdx.x) / kLanes;
  const int size = args.map.size(block);
  float coarse[kSteps][8] = {};
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const int column = (step * kLanes + lane) * sm80::kChunkElements;
    if (column < args.head_dim) load_8(coarse[step], row_at<Element>(args.coarse, batch, block, head) + column);
  }
  Sums sums;
  for (int first = 0; first < size; first += kRows) {
    const int slot = first + group;
    const int row = args.map.row_of(block, slot);
    float delta = slot < size ? split_row<Element>(args, batch, head, row, coarse, sums) : 0.0f;
#pragma unroll
    for (int mask = kLanes / 2; mask > 0; mask /= 2) delta += __shfl_xor_sync(0xFFFFFFFFu, delta, mask);
    if (slot < size && lane == 0) args.delta[(static_cast<long long>(batch) * args.heads + head) * args.rows + row] = delta;
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int i = 0; i < 8; ++i) partial[group][(step * kLanes + lane) * 8 + i] = sums.d_coarse[step][i];
  }
  __syncthreads();
  const int column = static_cast<int>(threadIdx.x) * sm80::kChunkElements;
  if (column >= args.head_dim) return;
  float total[8] = {};
  for (int g = 0; g < kRows; ++g) {
#pragma unroll
    for (int i = 0; i < 8; ++i) total[i] += partial[g][column + i];
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) total[i] /= static_cast<float>(args.map.box.volume());
  store_8(row_at<Element>(args.d_coarse, batch, block, head) + column, total);
}

}  // namespace

template <class Element>
cudaError_t split_gradient(const SplitArgs& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(args.map.blocks()), static_cast<unsigned>(args.heads),
                  static_cast<unsigned>(args.batch));
  return sm80::launch(split_gradient_kernel<Element>, grid, kThreads, 0, stream, args);
}

template cudaError_t split_gradient<__nv_bfloat16>(const SplitArgs&, cudaStream_t);
template cudaError_t split_gradient<__half>(const SplitArgs&, cudaStream_t);

}  // namespace vsa::gpu
