// Joins the partial results of query tiles that were cut by keys (Deal::kSplitTail) to outputs.
#pragma once

#include "fvattn/engine/sm90/forward_args.hpp"
#include "fvattn/engine/sm90/forward_params.cuh"
#include "fvattn/engine/sm90/softmax.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kMergeThreads = 256, kMergeRows = 16; // of a CTA; 16 threads a row, 8 columns each at a time

struct MergeParams {
  Partials from;
  TensorView o; // written
  float* lse;   // [batch, heads, q_tokens], or null
  WorkOrder order;
  int q_tokens, head_dim;
};

template <class Config, class Element>
__global__ void __launch_bounds__(kMergeThreads) merge_tail_kernel(const __grid_constant__ MergeParams p) {
  constexpr int kBlocks = Config::kTileQ / kMergeRows; // of a query tile
  const int block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int tile = block / kBlocks, row = block % kBlocks * kMergeRows + thread / 16;
  WorkItem item;
  p.order.place(p.order.whole + tile, p.order.total, p.order.q_tiles, item);
  const int token = item.q_tile * Config::kTileQ + row;
  if (token >= p.q_tokens) return;
  const auto partial_row = [&](int part) {
    return (static_cast<std::int64_t>(tile) * p.order.parts + part) * Config::kTileQ + row;
  };

  float top = -INFINITY, sum = 0.0f;
  for (int part = 0; part < p.order.parts; ++part) top = fmaxf(top, p.from.lse[partial_row(part)]);
  const float base = top == -INFINITY ? 0.0f : top;
  for (int part = 0; part < p.order.parts; ++part) sum += expf(p.from.lse[partial_row(part)] - base);
  const float factor = sum > 0.0f ? 1.0f / sum : 0.0f;

  std::uint16_t* const o = static_cast<std::uint16_t*>(const_cast<void*>(p.o.data)) + item.batch * p.o.batch_stride +
                           token * p.o.token_stride + item.head * p.o.head_stride;
  for (int column = thread % 16 * 8; column < p.head_dim; column += 128) {
    float acc[8] = {};
    for (int part = 0; part < p.order.parts; ++part) {
      const float weight = expf(p.from.lse[partial_row(part)] - base) * factor;
      const float* const from = p.from.o + partial_row(part) * Config::kHeadDim + column;
#pragma unroll
      for (int i = 0; i < 8; ++i) acc[i] += weight * from[i];
    }
    *reinterpret_cast<uint4*>(o + column) = make_uint4(pack<Element>(acc[0], acc[1]), pack<Element>(acc[2], acc[3]),
                                                       pack<Element>(acc[4], acc[5]), pack<Element>(acc[6], acc[7]));
  }
  if (p.lse != nullptr && thread % 16 == 0)
    p.lse[(static_cast<std::int64_t>(item.batch) * p.order.heads + item.head) * p.q_tokens + token] =
        sum > 0.0f ? base + logf(sum) : -INFINITY;
}

} // namespace fvattn::engine::sm90
