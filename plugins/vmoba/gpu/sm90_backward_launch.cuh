// Launches the gathering backward kernel and what goes before and behind it.
#pragma once

#include "sm90_backward_kernel.cuh"

#include <fvattn/engine/sm90/backward_delta_kernel.cuh>
#include <fvattn/engine/sm90/launch.cuh>

#include <fvattn/engine/sm80/launch.cuh>

namespace vmoba::gpu {

inline constexpr int kRoundThreads = 256, kOfRound = 16;  // columns of a thread

/// d_q from its sums, whose order in each 16 columns is that of accumulators (RowSums). A thread 16 columns of a row; heads
/// without lists are left alone.
template <class Config, class Element>
__global__ void __launch_bounds__(kRoundThreads)
    round_rows_kernel(const __grid_constant__ GatheredGradients p, sm80::MutableTensor to) {
  constexpr int kColumns = Config::kChunks * sm90::kChunkColumns, kThreads = kColumns / kOfRound;
  const long long index = static_cast<long long>(blockIdx.x) * kRoundThreads + threadIdx.x, value = index / kThreads;
  const int head = static_cast<int>(value / p.q_rows), row = static_cast<int>(value % p.q_rows),
            column = static_cast<int>(index % kThreads) * kOfRound;
  if (head >= p.heads || column >= p.head_dim || !p.policy.kv_map.heads.has(head)) return;
  const auto* const sums = reinterpret_cast<const float4*>(p.d_q_sum + value * kColumns + column);
  std::uint32_t low[4], high[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float4 four = sums[i];
    low[i] = sm80::pack<Element>(four.x * p.scale, four.y * p.scale);
    high[i] = sm80::pack<Element>(four.z * p.scale, four.w * p.scale);
  }
  auto* const target = reinterpret_cast<uint4*>(static_cast<Element*>(to.data) + row * to.row_stride +
                                                head * to.head_stride + column);
  target[0] = {low[0], low[1], low[2], low[3]};
  if (column + 8 < p.head_dim) target[1] = {high[0], high[1], high[2], high[3]};
}

/// args: of one batch entry; its workspace has Sm90BackwardSpace. Enqueues on `stream`; can be captured.
template <class Config, class Element>
cudaError_t launch_gathered_gradients(const sm80::BackwardArgs& args, const Sm90Gradients& policy, cudaStream_t stream) {
  const Sm90BackwardSpace space = Sm90BackwardSpace::of(args.q_rows, args.q_heads, Config::kHeadDim);
  char* const memory = static_cast<char*>(args.workspace);
  auto* const lse2 = reinterpret_cast<float*>(memory);
  auto* const deltas = reinterpret_cast<float*>(memory + space.row_values);
  const sm80::BackwardParams delta{args, lse2, deltas, nullptr, args.q_heads / args.kv_heads, 0, 0.0f};
  const std::int64_t rows = std::int64_t{args.q_rows} * args.q_heads;
  const dim3 grid(static_cast<unsigned>((rows + sm80::kDeltaRows - 1) / sm80::kDeltaRows));
  cudaError_t error =
      sm80::launch(sm90::backward_delta_kernel<Element>, grid, sm80::kDeltaThreads, 0, stream, delta);
  if (error != cudaSuccess) return error;
  GatheredGradients p;
  p.policy = policy;
  p.lse2 = lse2;
  p.delta = deltas;
  p.d_q_sum = reinterpret_cast<float*>(memory + 2 * space.row_values);
  p.q_rows = args.q_rows;
  p.heads = args.q_heads;
  p.kv_heads = args.kv_heads;
  p.q_tiles = policy.q_map.count;
  p.kv_tiles = policy.template kv_tiles<Config>();
  p.batch_entry = 0;
  p.scale = args.scale;
  p.scale_log2 = args.scale * 1.4426950408889634f;
  p.queries = args.q, p.d_outputs = args.d_o, p.keys = args.k, p.values = args.v;
  p.d_keys = args.d_k, p.d_values = args.d_v;
  p.head_dim = args.head_dim;
  error = cudaMemsetAsync(p.d_q_sum, 0, static_cast<std::size_t>(space.sums), stream);
  if (error != cudaSuccess) return error;
  error = sm90::launch<gathered_gradients_kernel<Config, Element>, Config::kSharedBytes>(p.kv_tiles * args.kv_heads, 1,
                                                                                         Config::kThreads, stream, p);
  if (error != cudaSuccess) return error;
  const std::int64_t threads = rows * (Config::kChunks * sm90::kChunkColumns / kOfRound);
  const dim3 blocks(static_cast<unsigned>((threads + kRoundThreads - 1) / kRoundThreads));
  return sm80::launch(round_rows_kernel<Config, Element>, blocks, kRoundThreads, 0, stream, p, args.d_q);
}

}  // namespace vmoba::gpu
