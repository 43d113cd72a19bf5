// backward(): launches the backward kernels of one configuration for one policy.
#pragma once

#include <fvattn/engine/sm80/launch.cuh>

#include "fvattn/engine/sm90/backward_delta_kernel.cuh"
#include "fvattn/engine/sm90/backward_kernel.cuh"
#include "fvattn/engine/sm90/backward_round_kernel.cuh"
#include "fvattn/engine/sm90/backward_workspace.hpp"
#include "fvattn/engine/sm90/forward_launch.cuh"

namespace fvattn::engine::sm90 {

inline int tokens_of(const LinearMap& map) { return map.length; }
inline int tokens_of(const BoxMap& map) { return map.grid.volume() + map.text; }

template <class Pointer>
TensorView view_of(const sm80::StridedTensor<Pointer>& t, int entry) {
  return entry_of({t.data, t.batch_stride, t.row_stride, t.head_stride}, entry);
}

template <class Config, class Policy>
bool encode_backward(const sm80::BackwardArgs& args, const Policy& policy, const ForwardArgs& shape, int entry,
                     BackwardParams<Policy>& p) {
  const auto query = [&](const auto& t, auto& out) {
    const TensorView view = view_of(t, entry);
    return is_tma_ready(view, shape.batch, tokens_of(policy.q_map), args.q_heads) &&
           encode_view(policy.q_map, view, shape, tokens_of(policy.q_map), args.q_heads, kRowsPerConsumer, out);
  };
  const auto key = [&](const auto& t, auto& out) {
    const TensorView view = view_of(t, entry);
    return is_tma_ready(view, shape.batch, tokens_of(policy.kv_map), args.kv_heads) &&
           encode_view(policy.kv_map, view, shape, tokens_of(policy.kv_map), args.kv_heads, Config::kKeysPerConsumer, out);
  };
  return query(args.q, p.q) && query(args.d_o, p.d_o) && key(args.k, p.k) && key(args.v, p.v) && key(args.d_k, p.d_k) &&
         key(args.d_v, p.d_v);
}

// Gradients of the forward pass, as sm80::backward computes them (the epilogues add to them), with d_q summed by atomics
// (args.deterministic is for the other engine: cudaErrorInvalidValue). P and dS are rounded to Element before their products; sums are float32.
// Enqueues on `stream`; no allocation, no synchronisation, can be captured. cudaErrorInvalidValue when TMA cannot address
// a tensor (is_tma_ready), the policy's boxes are not tiles of the configuration (fits_copies), or the head dim or the
// workspace does not fit.
template <class Config, class Element, class Policy, class Epilogues = sm80::PlainGradients>
cudaError_t backward(const sm80::BackwardArgs& args, const Policy& policy, cudaStream_t stream,
                     const Epilogues& epilogues = {}) {
  static_assert(BackwardPolicy<Policy, TileShape<Config::kTileQ, Config::kTileKv>>);
  if (args.deterministic || args.workspace == nullptr || args.stored_batch != args.batch || args.head_dim > Config::kHeadDim ||
      args.head_dim % 8 != 0 || args.q_heads % args.kv_heads != 0 ||
      !fits_copies(policy.q_map, Config::kTileQ, kRowsPerConsumer) ||
      !fits_copies(policy.kv_map, Config::kTileKv, Config::kKeysPerConsumer))
    return cudaErrorInvalidValue;

  const BackwardWorkspace parts = sm90::backward_workspace<Config>(args, policy);
  char* const workspace = static_cast<char*>(args.workspace);
  sm80::BackwardParams delta{args, reinterpret_cast<float*>(workspace), reinterpret_cast<float*>(workspace + parts.row_values),
                             nullptr, args.q_heads / args.kv_heads, 0, 0.0f};
  const std::int64_t rows = static_cast<std::int64_t>(args.batch) * args.q_rows * args.q_heads;
  const dim3 delta_grid(static_cast<unsigned>((rows + sm80::kDeltaRows - 1) / sm80::kDeltaRows));
  cudaError_t error = sm80::launch(backward_delta_kernel<Element>, delta_grid, sm80::kDeltaThreads, 0, stream, delta);
  if (error != cudaSuccess) return error;
  float* const d_q_sum = reinterpret_cast<float*>(workspace + 2 * parts.row_values);
  error = cudaMemsetAsync(d_q_sum, 0, parts.d_q_sum, stream);
  if (error != cudaSuccess) return error;

  BackwardCall<Policy, Epilogues> p;
  p.epilogues = epilogues;
  constexpr bool kHasBatch = BackwardParams<Policy>::kHasBatch;
  p.policy = policy;
  p.lse2 = delta.lse2;
  p.delta = delta.delta;
  p.d_q_sum = d_q_sum;
  p.q_rows = args.q_rows;
  p.heads = args.q_heads;
  p.kv_heads = args.kv_heads;
  p.q_tiles = policy.template q_tiles<Config>();
  p.kv_tiles = policy.template kv_tiles<Config>();
  p.scale = args.scale;
  p.scale_log2 = args.scale * 1.4426950408889634f;
  ForwardArgs shape;
  shape.head_dim = args.head_dim;
  shape.batch = kHasBatch ? args.batch : 1;
  shape.bfloat16 = std::is_same_v<Element, __nv_bfloat16>;
  for (int entry = 0; entry < (kHasBatch ? 1 : args.batch); ++entry) {
    p.batch_entry = entry;
    if (!encode_backward<Config>(args, policy, shape, entry, p)) return cudaErrorInvalidValue;
    error = launch<backward_kernel<Config, Element, Policy, Epilogues>, Config::kSharedBytes>(p.kv_tiles * args.kv_heads * shape.batch, 1,
                                                                                   Config::kThreads, stream, p);
    if (error != cudaSuccess) return error;
  }
  using Addend = decltype(epilogues.d_q);
  const RoundTarget to{args.d_q.data, args.d_q.batch_stride, args.d_q.row_stride, args.d_q.head_stride, args.head_dim};
  const RoundParams<Config, Policy, Addend> round{to, policy, d_q_sum, args.q_heads, p.q_tiles, args.scale, epilogues.d_q};
  const dim3 tiles(static_cast<unsigned>(p.q_tiles * args.q_heads * args.batch));
  return sm80::launch(backward_round_kernel<Config, Element, Policy, Addend>, tiles,
                      Config::kConsumers * kWarpgroupThreads, 0, stream, round);
}

} // namespace fvattn::engine::sm90
