// Launches the forward kernel of one configuration for one policy.
#pragma once

#include "fvattn/engine/sm90/forward_kernel.cuh"
#include "fvattn/engine/sm90/heuristics.hpp"
#include "fvattn/engine/sm90/launch.cuh"
#include "fvattn/engine/sm90/merge_tail_kernel.cuh"
#include "fvattn/engine/sm90/tensor_map_of.hpp"

#include <fvattn/engine/sm80/launch.cuh>

namespace fvattn::engine::sm90 {

// One launch: the whole batch where the maps have a dimension for it, otherwise batch entry `entry`, whose tensors `args`
// names.
template <class Config, class Element, class Policy, class Epilogue>
cudaError_t launch_entry(const ForwardArgs& args, const Policy& policy, bool longest_last, int entry, cudaStream_t stream,
                         const Epilogue& epilogue) {
  ForwardParams<Policy, Epilogue> p;
  const bool encoded =
      encode_view(policy.q_map, args.q, args, args.q_tokens, args.heads, kRowsPerConsumer, p.q) &&
      encode_view(policy.kv_map, args.k, args, args.kv_tokens, args.kv_heads, Config::kKvBoxRows, p.k) &&
      encode_view(policy.kv_map, args.v, args, args.kv_tokens, args.kv_heads, Config::kKvBoxRows, p.v) &&
      encode_view(policy.q_map, args.o, args, args.q_tokens, args.heads, kRowsPerConsumer, p.o);
  if (!encoded) return cudaErrorInvalidValue;
  p.policy = policy;
  p.batch_entry = entry;
  p.epilogue = epilogue;
  const std::int64_t kv_bytes = std::int64_t{args.kv_tokens} * Config::kChunks * kChunkColumns * 2 * 2;
  p.order = plan_work(policy.template q_tiles<Config>(), args.heads, args.kv_heads, args.batch, kv_bytes, args.l2_bytes,
                      args.sm_count * Config::kCtasPerSm / Config::kCluster, longest_last);
  if constexpr (deal_of<Policy>() == Deal::kLongFirst) {
    p.order.long_tiles = policy.template long_tiles<Config>();
    p.order.long_rounds = policy.text_rounds;
  }
  if constexpr (kSplitsTail<Config, Policy>) {
    p.order.whole = p.order.total;
    if (args.workspace != nullptr && std::is_same_v<Epilogue, sm80::PlainOutput>)
      cut_tail(p.order, policy.template kv_tiles<Config>());
    p.partials = {args.workspace, args.workspace + TailSizes<Config>(p.order).outputs()};
  }
  p.lse = args.lse;
  p.lse_rows = args.q_tokens;
  p.heads_per_kv_head = args.heads / args.kv_heads;
  p.scale = args.scale;
  p.scale_log2 = args.scale * 1.4426950408889634f;
  const cudaError_t error = launch<forward_kernel<Config, Element, Policy, Epilogue>, Config::kSharedBytes>(
      p.order.workers, Config::kCluster, Config::kThreads, stream, p);
  if constexpr (kSplitsTail<Config, Policy>) {
    if (error == cudaSuccess && p.order.parts > 1) {
      const MergeParams merge{p.partials, args.o, args.lse, p.order, args.q_tokens, args.head_dim};
      const dim3 blocks(static_cast<unsigned>((p.order.total - p.order.whole) * (Config::kTileQ / kMergeRows)));
      return sm80::launch(merge_tail_kernel<Config, Element>, blocks, kMergeThreads, 0, stream, merge);
    }
  }
  return error;
}

inline TensorView entry_of(TensorView view, int entry) {
  view.data = static_cast<const std::uint16_t*>(view.data) + entry * view.batch_stride;
  return view;
}

// Enqueues on `stream`; no allocation, no synchronisation, can be captured. cudaErrorInvalidValue when TMA cannot
// address a view (is_tma_ready) or the policy's boxes are not tiles of the configuration (fits_copies). `longest_last`:
// query tiles cost more the higher their number (causal). `epilogue`: added to the output before it is rounded, as sm80's
// epilogue.cuh describes.
template <class Config, class Element, class Policy, class Epilogue = sm80::PlainOutput>
cudaError_t launch_forward(const ForwardArgs& args, const Policy& policy, bool longest_last, cudaStream_t stream,
                           const Epilogue& epilogue = {}) {
  if (!fits_copies(policy.q_map, Config::kTileQ, kRowsPerConsumer) ||
      !fits_copies(policy.kv_map, Config::kTileKv, Config::kKvBoxRows))
    return cudaErrorInvalidValue;
  if constexpr (ForwardParams<Policy>::kHasBatch) return launch_entry<Config, Element>(args, policy, longest_last, 0, stream, epilogue);
  ForwardArgs one = args;
  one.batch = 1;
  for (int entry = 0; entry < args.batch; ++entry) {
    one.q = entry_of(args.q, entry);
    one.k = entry_of(args.k, entry);
    one.v = entry_of(args.v, entry);
    one.o = entry_of(args.o, entry);
    if (const cudaError_t error = launch_entry<Config, Element>(one, policy, longest_last, entry, stream, epilogue); error != cudaSuccess)
      return error;
  }
  return cudaSuccess;
}

} // namespace fvattn::engine::sm90
