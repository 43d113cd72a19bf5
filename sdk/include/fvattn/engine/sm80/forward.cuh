// forward(): checks the arguments and launches the forward kernel for a policy.
#pragma once

#include <fvattn/engine/sm80/forward_kernel.cuh>
#include <fvattn/engine/sm80/launch.cuh>

#include <cfloat>
#include <cmath>

namespace fvattn::engine::sm80 {

/// o = softmax(scale * q k^T restricted to the pairs of the policy) v. Element is __nv_bfloat16 or __half; the policy's
/// tiles are those of Config::Shape; the epilogue (epilogue.cuh) adds to o. Asynchronous; callable from any thread; no
/// allocation, no synchronisation.
/// Errors: cudaErrorInvalidValue for a head dim, a stride, an alignment, a scale or a head count out of range (nothing
/// is launched then), else those of the launch.
template <class Config, class Element, class Policy, class Epilogue = PlainOutput>
cudaError_t forward(const ForwardArgs& args, const Policy& policy, cudaStream_t stream, const Epilogue& epilogue = {}) {
  static_assert(ForwardPolicy<Policy, typename Config::Shape>);
  constexpr int kMaxGrid = 65535;
  if (args.head_dim <= 0 || args.head_dim % kChunkElements != 0 || args.head_dim > Config::kHeadDim) {
    return cudaErrorInvalidValue;
  }
  if (args.kv_heads <= 0 || args.q_heads % args.kv_heads != 0 || args.q_heads > kMaxGrid || args.batch > kMaxGrid) {
    return cudaErrorInvalidValue;
  }
  if (!args.q.usable() || !args.k.usable() || !args.v.usable() || !args.o.usable() || !std::isfinite(args.scale)) {
    return cudaErrorInvalidValue;
  }
  const ForwardParams params{args, args.q_heads / args.kv_heads, fmaxf(fabsf(args.scale) * kLog2E, FLT_MIN),
                             args.scale < 0.0f};
  const dim3 grid(static_cast<unsigned>(policy.template q_tiles<typename Config::Shape>()),
                  static_cast<unsigned>(args.q_heads), static_cast<unsigned>(args.batch));
  return launch(forward_kernel<Config, Element, Policy, Epilogue>, grid, Config::kThreads, Config::kSharedBytes, stream,
                params, policy, epilogue);
}

}  // namespace fvattn::engine::sm80
