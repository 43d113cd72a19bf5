// The forward kernel for gathered queries: the consumers, rings and store of the forward kernel, and a producer of its own.
#pragma once

#include "fvattn/engine/sm90/forward_kernel.cuh"
#include "fvattn/engine/sm90/gather_producer.cuh"
#include "fvattn/engine/sm90/launch.cuh"

namespace fvattn::engine::sm90 {

// Copies that do not fill a stage leave its last rows alone: probabilities of 0 must not meet what was there before.
template <class Config>
__device__ __forceinline__ void clear_value_tails(int keys) {
  constexpr int kRowBytes = 128, kStep = sizeof(uint4);
  const int tail = (Config::kTileKv - keys) * kRowBytes / kStep;
  for (int i = threadIdx.x; i < Config::kVStages * Config::kChunks * tail; i += Config::kThreads) {
    const int at = Config::kVOffset + i / tail * Config::kKvChunkBytes + keys * kRowBytes + i % tail * kStep;
    *reinterpret_cast<uint4*>(shared_memory() + at) = uint4{0, 0, 0, 0};
  }
  async_proxy_fence();
}

template <class Config, class Element, class Policy>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtasPerSm)
    gather_forward_kernel(const __grid_constant__ GatherParams<Policy> p) {
  static_assert(Config::kCluster == 1 && Config::kQStages > 1 && Config::kTileQ == Config::kCtaQ);
  const SmemAddress smem = smem_address(shared_memory());
  const int warpgroup = __shfl_sync(0xFFFFFFFFu, threadIdx.x / kWarpgroupThreads, 0); // provably uniform
  const auto seat = Seat<Config>::here();
  if (threadIdx.x == 0) init_barriers<Config>(smem);
  clear_value_tails<Config>(p.policy.kv_map.keys());
  __syncthreads();

  if (warpgroup == 0) {
    registers_shrink<Config::kProducerRegisters>();
    if (threadIdx.x == 0) {
      produce_chunks<Config>(p, smem, seat);
    } else if (threadIdx.x == 32) {
      store_outputs<Config>(p, smem, seat);
    } else if (threadIdx.x >= kWarpgroupThreads - kGatherThreads) {
      gather_queries<Config, Element>(p, smem, seat, threadIdx.x - (kWarpgroupThreads - kGatherThreads));
    }
  } else {
    registers_grow<Config::kConsumerRegisters>();
    consume<Config, Element>(p, smem, seat, warpgroup - 1);
  }
}

// One batch entry: args.batch is 1, args.o [q_tokens, heads, head_dim] and args.lse [heads, q_tokens] are the partial
// results, args.q_tokens of them. Enqueues on `stream`; no allocation, no synchronisation, can be captured: how many items
// there are, the device alone knows. cudaErrorInvalidValue when TMA cannot address a view or a copy is larger than a stage.
template <class Config, class Element, GatherPolicy<Config> Policy>
cudaError_t launch_gather_forward(const ForwardArgs& args, const Policy& policy, cudaStream_t stream) {
  GatherParams<Policy> p;
  const bool encoded = encode_view(policy.kv_map, args.k, args, args.kv_tokens, args.kv_heads, Config::kTileKv, p.k) &&
                       encode_view(policy.kv_map, args.v, args, args.kv_tokens, args.kv_heads, Config::kTileKv, p.v) &&
                       encode_view(policy.q_map, args.o, args, args.q_tokens, args.heads, kRowsPerConsumer, p.o);
  if (!encoded || policy.kv_map.keys() > Config::kTileKv) return cudaErrorInvalidValue;
  p.q = p.o; // queries are not read by TMA
  p.policy = policy;
  p.batch_entry = 0;
  p.order.heads = args.heads;
  p.order.workers = args.sm_count * Config::kCtasPerSm;
  p.lse = args.lse;
  p.lse_rows = args.q_tokens;
  p.heads_per_kv_head = args.heads / args.kv_heads;
  p.scale = args.scale;
  p.scale_log2 = args.scale * 1.4426950408889634f;
  p.queries = args.q;
  p.head_dim = args.head_dim;
  constexpr auto kKernel = gather_forward_kernel<Config, Element, Policy>;
  return launch<kKernel, Config::kSharedBytes>(p.order.workers, 1, Config::kThreads, stream, p);
}

} // namespace fvattn::engine::sm90
