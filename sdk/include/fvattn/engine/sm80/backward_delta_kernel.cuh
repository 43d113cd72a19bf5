// delta = rowsum(d_o * o), and the log-sum-exp in the form the backward kernels want.
#pragma once

#include <fvattn/engine/sm80/backward_params.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/online_softmax.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

inline constexpr int kDeltaThreads = 256;
inline constexpr int kDeltaLanes = 16;  // lanes of a row: a chunk each at head dim 128
inline constexpr int kDeltaRows = kDeltaThreads / kDeltaLanes;

template <class Element>
__device__ __forceinline__ float chunk_dot(const Element* a, const Element* b) {
  const uint4 left = *reinterpret_cast<const uint4*>(a), right = *reinterpret_cast<const uint4*>(b);
  const std::uint32_t x[4] = {left.x, left.y, left.z, left.w}, y[4] = {right.x, right.y, right.z, right.w};
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 p = unpack<Element>(x[i]), q = unpack<Element>(y[i]);
    total = fmaf(p.x, q.x, fmaf(p.y, q.y, total));
  }
  return total;
}

/// kDeltaRows rows of all heads and batches, heads fastest; for a CTA of kDeltaThreads.
template <class Element>
__device__ __forceinline__ void compute_row_values(const BackwardParams& params) {
  const BackwardArgs& args = params.args;
  const std::int64_t rows = static_cast<std::int64_t>(args.stored_batch) * args.q_rows * args.q_heads;
  const std::int64_t wanted = static_cast<std::int64_t>(block_index().x) * kDeltaRows + thread_index() / kDeltaLanes;
  const std::int64_t index = wanted < rows ? wanted : rows - 1;
  const int head = static_cast<int>(index % args.q_heads);
  const int row = static_cast<int>(index / args.q_heads % args.q_rows);
  const int batch = static_cast<int>(index / args.q_heads / args.q_rows);
  const Element* const o = static_cast<const Element*>(args.o.data) + batch * args.o.batch_stride +
                           row * args.o.row_stride + head * args.o.head_stride;
  const Element* const d_o = static_cast<const Element*>(args.d_o.data) + batch * args.d_o.batch_stride +
                             row * args.d_o.row_stride + head * args.d_o.head_stride;
  const int lane = thread_index() % kDeltaLanes;
  float total = 0.0f;
  if (args.delta.data != nullptr) {
    total = args.delta.data[batch * args.delta.batch_stride + head * args.delta.head_stride + row];
  } else {
    for (int column = lane * kChunkElements; column < args.head_dim; column += kDeltaLanes * kChunkElements) {
      total += chunk_dot(o + column, d_o + column);
    }
#pragma unroll
    for (int mask = kDeltaLanes / 2; mask > 0; mask /= 2) total += warp_shuffle_xor(total, mask);
  }
  if (lane != 0 || wanted >= rows) return;
  const std::int64_t to = params.row_values(batch, head) + row;
  const float lse = args.lse.data[batch * args.lse.batch_stride + head * args.lse.head_stride + row];
  params.delta[to] = total;
  params.lse2[to] = lse == -INFINITY ? INFINITY : lse * kLog2E;
}

template <class Element>
__global__ void __launch_bounds__(kDeltaThreads) backward_delta_kernel(const __grid_constant__ BackwardParams params) {
  compute_row_values<Element>(params);
}

}  // namespace fvattn::engine::sm80
