// Scales and rounds the float32 sums of d_q and writes them to the tensor.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>

#include "fvattn/engine/sm90/arithmetic.cuh"
#include "fvattn/engine/sm90/backward_consumer.cuh"

namespace fvattn::engine::sm90 {

// d_q [batch, rows, heads, head_dim] of 16-bit elements; strides in elements.
struct RoundTarget {
  void* data;
  std::int64_t batch_stride, row_stride, head_stride;
  int head_dim;
};

template <class Config, class Policy, class Epilogue>
struct RoundParams {
  RoundTarget to;
  Policy policy;
  const float* d_q_sum;
  int heads, q_tiles;
  float scale;
  Epilogue epilogue;
};

// The same with an epilogue, which sees the sums of a thread together.
template <class Config, class Element, class Policy, class Epilogue>
__device__ __forceinline__ void round_with_epilogue(const RoundParams<Config, Policy, Epilogue>& p, const WorkItem& item,
                                                    const DqPart<Config>& part, const float* sums, Element* head, int slot,
                                                    int column0) {
  const int thread = static_cast<int>(threadIdx.x) & (kWarpgroupThreads - 1);
  float d[Config::kDqColumns / 2];
#pragma unroll
  for (int i = 0; i < Config::kDqColumns / 8; ++i) {
    float values[4];
    sm80::load_fragment<kWarpgroupThreads>(values, sums, i, thread);
#pragma unroll
    for (int r = 0; r < 4; ++r) d[4 * i + r] = values[r];
  }
  const int row0 = part.row + thread / 32 * 16;
  add_epilogue<Element, Config::kTileQ>(p.epilogue, p.policy.q_map, item, row0, part.chunk * 8, p.scale, d);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = p.policy.q_map.template row<Config::kTileQ>(item, item.q_tile, slot + 8 * half);
    if (row == kNoRow) continue;
#pragma unroll
    for (int i = 0; i < Config::kDqColumns / 8; ++i) {
      const int column = column0 + 8 * i;
      if (column >= p.to.head_dim) break;
      *reinterpret_cast<std::uint32_t*>(head + row * p.to.row_stride + column) =
          pack<Element>(d[4 * i + 2 * half], d[4 * i + 2 * half + 1]);
    }
  }
}

// One CTA a query tile of one (batch, head): each thread takes back the registers of its namesake in backward_kernel.
template <class Config, class Element, class Policy, class Epilogue>
__global__ void __launch_bounds__(Config::kConsumers * kWarpgroupThreads)
    backward_round_kernel(const __grid_constant__ RoundParams<Config, Policy, Epilogue> p) {
  const int index = static_cast<int>(blockIdx.x), list = index / p.q_tiles;
  const WorkItem item{index - list * p.q_tiles, list % p.heads, list / p.heads};
  const int consumer = static_cast<int>(threadIdx.x) / kWarpgroupThreads;
  const int thread = static_cast<int>(threadIdx.x) & (kWarpgroupThreads - 1);
  const auto part = DqPart<Config>::of(consumer);
  const float* const sums = p.d_q_sum + static_cast<long long>(index) * Config::kDqTileFloats + part.offset;
  Element* const head = static_cast<Element*>(p.to.data) + item.batch * p.to.batch_stride + item.head * p.to.head_stride;
  const int slot = part.row + thread / 32 * 16 + thread % 32 / 4, column0 = part.chunk * kChunkColumns + 2 * (thread & 3);
  if constexpr (!std::is_same_v<Epilogue, sm80::PlainOutput>) {
    round_with_epilogue<Config, Element>(p, item, part, sums, head, slot, column0);
  } else {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = p.policy.q_map.template row<Config::kTileQ>(item, item.q_tile, slot + 8 * half);
      if (row == kNoRow) continue;
#pragma unroll
      for (int i = 0; i < Config::kDqColumns / 8; ++i) {
        const int column = column0 + 8 * i;
        if (column >= p.to.head_dim) break;
        float values[4];
        sm80::load_fragment<kWarpgroupThreads>(values, sums, i, thread);
        *reinterpret_cast<std::uint32_t*>(head + row * p.to.row_stride + column) =
            pack<Element>(values[2 * half] * p.scale, values[2 * half + 1] * p.scale);
      }
    }
  }
}

} // namespace fvattn::engine::sm90
