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

// Four words a lane of a quad: word j of lane i becomes word i of lane j.
__device__ __forceinline__ void transpose_quad(std::uint32_t (&w)[4]) {
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2) {
    const bool high = (threadIdx.x & static_cast<unsigned>(bit)) != 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if ((j & bit) != 0) continue;
      const std::uint32_t got = __shfl_xor_sync(0xFFFFFFFFu, high ? w[j] : w[j + bit], bit);
      (high ? w[j] : w[j + bit]) = got;
    }
  }
}

// A thread's sums, as the fragments of the accumulators, times the scale, and with what the epilogue adds.
template <class Config, class Element, class Policy, class Epilogue>
__device__ __forceinline__ void finish_sums(const RoundParams<Config, Policy, Epilogue>& p, const WorkItem& item,
                                            const DqPart<Config>& part, const float* sums, float (&d)[Config::kDqColumns / 2]) {
  const int thread = static_cast<int>(threadIdx.x) & (kWarpgroupThreads - 1);
  constexpr bool kPlain = std::is_same_v<Epilogue, sm80::PlainOutput>;
#pragma unroll
  for (int i = 0; i < Config::kDqColumns / 8; ++i) {
    float values[4];
    sm80::load_fragment<kWarpgroupThreads>(values, sums, i, thread);
#pragma unroll
    for (int r = 0; r < 4; ++r) d[4 * i + r] = kPlain ? values[r] * p.scale : values[r];
  }
  if constexpr (!kPlain)
    add_epilogue<Element, Config::kTileQ>(p.epilogue, p.policy.q_map, item, part.row + thread / 32 * 16, part.chunk * 8, p.scale, d);
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
  const int slot = part.row + thread / 32 * 16 + thread % 32 / 4, quad_lane = thread & 3;
  float d[Config::kDqColumns / 2];
  finish_sums<Config, Element>(p, item, part, sums, d);
  static_assert(Config::kDqColumns % 32 == 0);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = p.policy.q_map.template row<Config::kTileQ>(item, item.q_tile, slot + 8 * half);
#pragma unroll
    for (int block = 0; block < Config::kDqColumns / 32; ++block) {
      // Two columns of each of four groups of 8 become the 8 columns of one: 16 bytes a store, 64 a row.
      std::uint32_t words[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float* const v = d + 16 * block + 4 * j + 2 * half;
        words[j] = pack<Element>(v[0], v[1]);
      }
      transpose_quad(words);
      const int column = part.chunk * kChunkColumns + 32 * block + 8 * quad_lane;
      if (row != kNoRow && column < p.to.head_dim)
        *reinterpret_cast<uint4*>(head + row * p.to.row_stride + column) = make_uint4(words[0], words[1], words[2], words[3]);
    }
  }
}

} // namespace fvattn::engine::sm90
