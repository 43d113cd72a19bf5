// backward(): checks the arguments, divides the workspace and launches the backward kernels for a policy.
#pragma once

#include <fvattn/engine/sm80/backward_delta_kernel.cuh>
#include <fvattn/engine/sm80/backward_kv_kernel.cuh>
#include <fvattn/engine/sm80/backward_q_kernel.cuh>
#include <fvattn/engine/sm80/backward_round_kernel.cuh>
#include <fvattn/engine/sm80/launch.cuh>

#include <cmath>

namespace fvattn::engine::sm80 {

/// Bytes of each part of the workspace.
struct BackwardWorkspace {
  std::size_t row_values = 0;  // lse2; the same again for delta
  std::size_t d_q_sum = 0;     // float32 d_q, whole tiles; none in the deterministic mode
  std::size_t total() const { return 2 * row_values + d_q_sum; }
};

template <class Config, class Policy>
BackwardWorkspace backward_workspace(const BackwardArgs& args, const Policy& policy) {
  constexpr std::size_t kAlign = 256;
  using Kv = typename Config::Kv;
  BackwardWorkspace out;
  const std::size_t rows = static_cast<std::size_t>(args.stored_batch) * args.q_heads * args.q_rows;
  out.row_values = (rows * sizeof(float) + kAlign - 1) / kAlign * kAlign;
  if (!args.deterministic) {
    out.d_q_sum = static_cast<std::size_t>(args.batch) * args.q_heads * policy.template q_tiles<typename Kv::Shape>() *
                  (Kv::kTileQ * Kv::kHeadDim * sizeof(float));
  }
  return out;
}

/// Bytes that args.workspace must have. Reads only sizes and `deterministic`.
template <class Config, class Policy>
std::size_t backward_workspace_bytes(const BackwardArgs& args, const Policy& policy) {
  return backward_workspace<Config>(args, policy).total();
}

/// Whether the kernels can take the arguments.
template <class Config>
bool backward_accepts(const BackwardArgs& args, const BackwardWorkspace& parts) {
  constexpr int kMaxGrid = 65535;
  if (args.head_dim <= 0 || args.head_dim % kChunkElements != 0 || args.head_dim > Config::Kv::kHeadDim) return false;
  if (args.kv_heads <= 0 || args.q_heads % args.kv_heads != 0) return false;
  if (args.q_heads > kMaxGrid || args.batch > kMaxGrid || !std::isfinite(args.scale)) return false;
  for (const ConstTensor* tensor : {&args.q, &args.k, &args.v, &args.o, &args.d_o}) {
    if (!tensor->usable()) return false;
  }
  for (const MutableTensor* tensor : {&args.d_q, &args.d_k, &args.d_v}) {
    if (!tensor->usable()) return false;
  }
  return (args.workspace != nullptr || parts.total() == 0) && reinterpret_cast<std::uintptr_t>(args.workspace) % 16 == 0;
}

/// Gradients of forward(); the epilogues (epilogue.cuh) add to them. Element is __nv_bfloat16 or __half; P and dS are
/// rounded to it before their products, sums are float32. Deterministic: three kernels, the scores computed twice (7
/// products instead of 5). Otherwise d_q is summed by atomics. Asynchronous; callable from any thread; no allocation, no
/// synchronisation; the device needs Config::Kv::kSharedBytes of shared memory a CTA. Errors as forward().
template <class Config, class Element, class Policy, class Epilogues = PlainGradients>
cudaError_t backward(const BackwardArgs& args, const Policy& policy, cudaStream_t stream, const Epilogues& epilogues = {}) {
  using Kv = typename Config::Kv;
  using Q = typename Config::Q;
  static_assert(BackwardPolicy<Policy, typename Kv::Shape> && ForwardPolicy<Policy, typename Q::Shape>);
  const BackwardWorkspace parts = backward_workspace<Config>(args, policy);
  if (!backward_accepts<Config>(args, parts)) return cudaErrorInvalidValue;

  char* const workspace = static_cast<char*>(args.workspace);
  BackwardParams params{args,
                        reinterpret_cast<float*>(workspace),
                        reinterpret_cast<float*>(workspace + parts.row_values),
                        nullptr,
                        args.q_heads / args.kv_heads,
                        policy.template q_tiles<typename Kv::Shape>(),
                        args.scale * kLog2E};
  const auto heads = static_cast<unsigned>(args.q_heads), batch = static_cast<unsigned>(args.batch);
  const auto kv_tiles = static_cast<unsigned>(policy.template kv_tiles<typename Kv::Shape>());
  const dim3 kv_grid(kv_tiles, static_cast<unsigned>(args.kv_heads), batch);
  const std::int64_t rows = static_cast<std::int64_t>(args.stored_batch) * args.q_rows * args.q_heads;
  const dim3 delta_grid(static_cast<unsigned>((rows + kDeltaRows - 1) / kDeltaRows));
  cudaError_t error = launch(backward_delta_kernel<Element>, delta_grid, kDeltaThreads, 0, stream, params);
  if (error != cudaSuccess) return error;

  if (args.deterministic) {
    error = launch(backward_kv_kernel<Kv, false, Element, Policy, Epilogues>, kv_grid, Kv::kThreads, Kv::kSharedBytes,
                   stream, params, policy, epilogues);
    if (error != cudaSuccess) return error;
    const dim3 q_grid(static_cast<unsigned>(policy.template q_tiles<typename Q::Shape>()), heads, batch);
    return launch(backward_q_kernel<Q, Element, Policy, Epilogues>, q_grid, Q::kThreads, Q::kSharedBytes, stream, params,
                  policy, epilogues);
  }
  params.d_q_sum = reinterpret_cast<float*>(workspace + 2 * parts.row_values);
  error = cudaMemsetAsync(params.d_q_sum, 0, parts.d_q_sum, stream);
  if (error != cudaSuccess) return error;
  error = launch(backward_kv_kernel<Kv, true, Element, Policy, Epilogues>, kv_grid, Kv::kThreads, Kv::kSharedBytes, stream,
                 params, policy, epilogues);
  if (error != cudaSuccess) return error;
  const dim3 q_grid(static_cast<unsigned>(params.q_tiles), heads, batch);
  return launch(backward_round_kernel<Kv, Element, Policy, Epilogues>, q_grid, Kv::kThreads, kRoundSharedBytes<Kv>, stream,
                params, policy, epilogues);
}

}  // namespace fvattn::engine::sm80
