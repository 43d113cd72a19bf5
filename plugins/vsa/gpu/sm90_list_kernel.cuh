// The kernel of lists: forward attention of 64 query rows with a list of key blocks of their own, without the padding of
// clipped blocks.
#pragma once

#include "sm90_list_consumer.cuh"
#include "sm90_list_keys.cuh"
#include "sm90_list_store.cuh"
#include "sm90_list_values.cuh"

#include <fvattn/engine/sm90/forward_kernel.cuh>
#include <fvattn/engine/sm90/heuristics.hpp>
#include <fvattn/engine/sm90/launch.cuh>
#include <fvattn/engine/sm90/tensor_map_of.hpp>

#include <algorithm>

namespace vsa::gpu {

template <class Config, class Element, class Epilogue>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtasPerSm)
    list_kernel(const __grid_constant__ ListParams<Epilogue> p) {
  const sm90::SmemAddress smem = sm90::smem_address(sm90::shared_memory());
  const int warp = __shfl_sync(kWholeWarp, threadIdx.x / 32, 0);  // provably uniform
  if (threadIdx.x == 0) {
    for (int i = 0; i < kListItems; ++i) sm90::mbarrier_init(smem + ListLayout<Config>::kItemFull + 8 * i, 1);
    sm90::init_barriers<Config>(smem);
  }
  __syncthreads();

  if (warp < 4) {
    sm90::registers_shrink<Config::kProducerRegisters>();
    if (warp == 0) {
      load_keys<Config>(p, smem);
    } else if (warp == 1) {
      load_values<Config>(p, smem);
    } else if (threadIdx.x == 64) {
      store_list_outputs<Config>(p, smem);
    }
  } else {
    sm90::registers_grow<Config::kConsumerRegisters>();
    consume_list<Config, Element>(p, smem);
  }
}

/// Batch entry `entry`, whose tensors `args` names.
template <class Config, class Element, class Epilogue>
cudaError_t launch_list_entry(const sm90::ForwardArgs& args, const Sm90Policy& policy, int entry, int* handed_out,
                              cudaStream_t stream, const Epilogue& epilogue) {
  ListParams<Epilogue> p;
  p.shapes = ClippedShapes::of(policy.kv_map);
  bool encoded = sm90::encode_grid(policy.q_map, args.q, args, args.heads, sm90::kRowsPerConsumer, p.q.grid) &&
                 sm90::encode_grid(policy.q_map, args.o, args, args.heads, sm90::kRowsPerConsumer, p.o.grid);
  for (int shape = 0; encoded && shape < ClippedShapes::kCount; ++shape) {
    if (!p.shapes.present(shape)) continue;
    engine::BoxMap map = policy.kv_map;
    map.box = ClippedShapes::extent(policy.kv_map, shape);
    encoded = sm90::encode_grid(map, args.k, args, args.kv_heads, map.box.volume(), p.keys[shape]) &&
              sm90::encode_grid(map, args.v, args, args.kv_heads, map.box.volume(), p.values[shape]);
  }
  if (!encoded) return cudaErrorInvalidValue;
  p.policy = policy;
  p.batch_entry = entry;
  p.epilogue = epilogue;
  const std::int64_t kv_bytes = std::int64_t{args.kv_tokens} * Config::kChunks * sm90::kChunkColumns * 2 * 2;
  // In order of their numbers: whoever is free takes the next.
  p.order = sm90::plan_work(policy.q_map.boxes(), args.heads, args.kv_heads, args.batch, kv_bytes, args.l2_bytes, 1, false);
  p.handed_out = handed_out;
  if (const cudaError_t error = cudaMemsetAsync(handed_out, 0, sizeof(int), stream); error != cudaSuccess) return error;
  p.lse = args.lse;
  p.lse_rows = args.q_tokens;
  p.heads_per_kv_head = args.heads / args.kv_heads;
  p.scale = args.scale;
  p.scale_log2 = args.scale * 1.4426950408889634f;
  return sm90::launch<list_kernel<Config, Element, Epilogue>, ListLayout<Config>::kSharedBytes>(
      std::min(p.order.total, args.sm_count * Config::kCtasPerSm), 1, Config::kThreads, stream, p);
}

/// Enqueues on `stream`, a launch for each batch entry. Calls that serves_sm90_forward accepts. handed_out: a word of device
/// memory for the call.
template <class Config, class Element, class Epilogue>
cudaError_t launch_list(const sm90::ForwardArgs& args, const Sm90Policy& policy, int* handed_out, cudaStream_t stream,
                        const Epilogue& epilogue) {
  static_assert(Config::kConsumers == 1 && Config::kCluster == 1);
  static_assert(Config::kTileKv == sm90::kRowsPerConsumer);
  sm90::ForwardArgs one = args;
  one.batch = 1;
  const auto entry_of = [](sm90::TensorView view, int entry) {
    view.data = static_cast<const std::uint16_t*>(view.data) + entry * view.batch_stride;
    return view;
  };
  for (int entry = 0; entry < args.batch; ++entry) {
    one.q = entry_of(args.q, entry);
    one.k = entry_of(args.k, entry);
    one.v = entry_of(args.v, entry);
    one.o = entry_of(args.o, entry);
    const cudaError_t error = launch_list_entry<Config, Element>(one, policy, entry, handed_out, stream, epilogue);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace vsa::gpu
