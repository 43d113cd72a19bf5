// Backward with the keys of a chunk stationary and gathered queries: the sm90 engine's consumers, and a producer and an
// epilogue that go by rows.
#pragma once

#include "sm90_backward_producer.cuh"

#include <fvattn/engine/sm90/backward_kernel.cuh>

namespace vmoba::gpu {

/// 64 rows of gradients from shared memory, by their consumer.
template <class Config, class Element>
__device__ __forceinline__ void store_key_rows(const GatheredGradients& p, const engine::WorkItem& kv, int first, int offset,
                                               const sm80::MutableTensor& to) {
  constexpr int kOfRow = Config::kChunks * kPieces;
  const engine::WorkItem item = rows_of_keys(p, kv);
  Element* const of_head = static_cast<Element*>(to.data) + kv.head * to.head_stride;
  for (int i = static_cast<int>(threadIdx.x) % sm90::kWarpgroupThreads; i < Config::kKeysPerConsumer * kOfRow;
       i += sm90::kWarpgroupThreads) {
    const int slot = first + i / kOfRow, chunk = i % kOfRow / kPieces, piece = i % kPieces;
    const int row = p.policy.kv_map.template row<Config::kTileKv>(item, kv.q_tile, slot);
    const int column = chunk * sm90::kChunkColumns + piece * kPieceElements;
    if (row == engine::kNoRow || column >= p.head_dim) continue;
    *reinterpret_cast<uint4*>(of_head + row * to.row_stride + column) = *reinterpret_cast<const uint4*>(
        sm90::shared_memory() + offset + chunk * Config::kKvChunkBytes + sm90::swizzled_offset(slot, piece));
  }
}

template <class Config, class Element>
__device__ __forceinline__ void consume_rows(const GatheredGradients& p, sm90::SmemAddress smem, const engine::WorkItem& kv,
                                             int me) {
  float d_k[Config::kHeadDim / 2], d_v[Config::kHeadDim / 2];
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 2; ++i) d_k[i] = d_v[i] = 0.0f;
  constexpr int kBeforeLast = Config::kSplitRows ? 0 : (Config::kChunks - 1) * sm90::kChunkColumns;
  constexpr int kLast = Config::kHeadDim - kBeforeLast;
  const sm90::BackwardParams<Sm90Gradients>& params = p;
  if (kLast == Config::kDqColumns || me + 1 < Config::kConsumers) {
    sm90::accumulate<Config, Element, Config::kDqStepColumns>(params, smem, kv, me, d_k, d_v);
  } else {
    sm90::accumulate<Config, Element, kLast>(params, smem, kv, me, d_k, d_v);
  }
  // The key tile's place takes its gradients, once nobody reads it any more.
  sm90::named_barrier_sync(sm90::kAllConsumers, Config::kConsumers * sm90::kWarpgroupThreads);
  const int first = me * Config::kKeysPerConsumer;
  sm90::stage_gradients<Config, Element>(d_k, p.scale, smem + Config::kKOffset + first * 128);
  sm90::stage_gradients<Config, Element>(d_v, 1.0f, smem + Config::kVOffset + first * 128);
  sm90::named_barrier_sync(sm90::kAllConsumers + 1 + me, sm90::kWarpgroupThreads);
  store_key_rows<Config, Element>(p, kv, first, Config::kKOffset, p.d_keys);
  store_key_rows<Config, Element>(p, kv, first, Config::kVOffset, p.d_values);
}

// One block a key tile of one key head.
template <class Config, class Element>
__global__ void __launch_bounds__(Config::kThreads, 1)
    gathered_gradients_kernel(const __grid_constant__ GatheredGradients p) {
  const sm90::SmemAddress smem = sm90::smem_address(sm90::shared_memory());
  const int warpgroup = __shfl_sync(0xFFFFFFFFu, threadIdx.x / sm90::kWarpgroupThreads, 0);  // provably uniform
  const engine::WorkItem kv = p.kv_item(static_cast<int>(blockIdx.x));
  if (p.policy.kv_map.template row<Config::kTileKv>(rows_of_keys(p, kv), kv.q_tile, 0) == engine::kNoRow) return;
  if (threadIdx.x == 0) sm90::init_backward_barriers<Config>(smem);
  gather_keys<Config, Element>(p, smem, kv);
  __syncthreads();

  if (warpgroup == 0) {
    sm90::registers_shrink<Config::kProducerRegisters>();
    const int warp = __shfl_sync(0xFFFFFFFFu, threadIdx.x / 32, 0);
    if (threadIdx.x == 0) {
      sm90::mbarrier_arrive(smem + Config::kKvFull);
    } else if (warp == 1) {
      sm90::load_row_values<Config>(p, smem, kv);
    } else if (warp >= 2) {
      gather_tiles<Config, Element>(p, smem, kv, static_cast<int>(threadIdx.x) - 64);
    }
  } else {
    sm90::registers_grow<Config::kConsumerRegisters>();
    consume_rows<Config, Element>(p, smem, kv, warpgroup - 1);
  }
}

}  // namespace vmoba::gpu
