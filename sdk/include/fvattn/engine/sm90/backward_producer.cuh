// The producer warpgroup of the backward kernel: one thread loads the key tile and the query tiles that see it, a warp
// brings their row values.
#pragma once

#include <fvattn/engine/sm80/query_cursor.cuh>

#include "fvattn/engine/sm90/backward_config.hpp"
#include "fvattn/engine/sm90/backward_params.cuh"
#include "fvattn/engine/sm90/cursor.cuh"
#include "fvattn/engine/sm90/ring.cuh"
#include "fvattn/engine/sm90/tma.cuh"
#include "fvattn/engine/sm90/warpgroup.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kBackwardNap = 40; // nanoseconds between looks for a free stage

template <class Config, class Policy>
using BackwardCursor = sm80::QueryCursor<TileShape<Config::kTileQ, Config::kTileKv>, Policy>;

template <class Config, class Policy>
__device__ __forceinline__ BackwardCursor<Config, Policy> query_cursor(const BackwardParams<Policy>& p, const WorkItem& kv) {
  const int group = p.heads / p.kv_heads;
  return {p.policy, kv.q_tile, kv.batch, kv.head * group, group};
}

// Rows `row`, ... of a tile into `dst`, chunk by chunk.
template <int kTileRows, int kChunks, class Maps, class Map>
__device__ __forceinline__ void load_tile(const Maps& maps, const Map& map, int batch, int head, int tile, int row,
                                          SmemAddress dst, int chunk_bytes, SmemAddress full, std::uint64_t cache) {
#pragma unroll
  for (int c = 0; c < kChunks; ++c)
    with_copy<kTileRows>(maps, map, batch, head, tile, row, c, [&](const CUtensorMap* from, auto at) {
      tma_load(dst + c * chunk_bytes + row * 128, from, full, cache, at);
    });
}

// Run by one thread.
template <class Config, class Policy>
__device__ __forceinline__ void load_tensors(const BackwardParams<Policy>& p, SmemAddress smem, const WorkItem& kv) {
  // CTAs walk the queries in step, but for lists of query tiles: then the sums of d_q are what the L2 cache should keep.
  constexpr CacheHint kQueries = ReadsTiles<Policy> ? CacheHint::kHalfEvictFirst : CacheHint::kEvictLast;
  const std::uint64_t keep = cache_policy<kQueries>(), once = cache_policy<CacheHint::kEvictFirst>();
  const int batch = p.batch_of(kv);
  mbarrier_arrive_expect(smem + Config::kKvFull, 2 * Config::kKvBytes);
#pragma unroll
  for (int row = 0; row < Config::kTileKv; row += Config::kKeysPerConsumer) {
    load_tile<Config::kTileKv, Config::kChunks>(p.k, p.policy.kv_map, batch, kv.head, kv.q_tile, row, smem + Config::kKOffset,
                                                Config::kKvChunkBytes, smem + Config::kKvFull, once);
    load_tile<Config::kTileKv, Config::kChunks>(p.v, p.policy.kv_map, batch, kv.head, kv.q_tile, row, smem + Config::kVOffset,
                                                Config::kKvChunkBytes, smem + Config::kKvFull, once);
  }
  RingPosition<Config::kStages> at;
  auto cursor = query_cursor<Config>(p, kv);
  for (auto visit = cursor.next(); visit.valid; visit = cursor.next()) {
    const WorkItem& item = visit.item;
    const SmemAddress q_full = smem + Config::kQFull + 8 * at.stage, d_o_full = smem + Config::kDoFull + 8 * at.stage;
    mbarrier_wait_asleep<kBackwardNap>(smem + Config::kQEmpty + 8 * at.stage, at.parity ^ 1u);
    mbarrier_arrive_expect(q_full, Config::kQBytes);
    for (int row = 0; row < Config::kTileQ; row += kRowsPerConsumer)
      load_tile<Config::kTileQ, Config::kChunks>(p.q, p.policy.q_map, batch, item.head, item.q_tile, row,
                                                 smem + Config::kQOffset + at.stage * Config::kQBytes, Config::kQChunkBytes,
                                                 q_full, keep);
    mbarrier_wait_asleep<kBackwardNap>(smem + Config::kDoEmpty + 8 * at.stage, at.parity ^ 1u);
    mbarrier_arrive_expect(d_o_full, Config::kQBytes);
    for (int row = 0; row < Config::kTileQ; row += kRowsPerConsumer)
      load_tile<Config::kTileQ, Config::kChunks>(p.d_o, p.policy.q_map, batch, item.head, item.q_tile, row,
                                                 smem + Config::kDoOffset + at.stage * Config::kQBytes, Config::kQChunkBytes,
                                                 d_o_full, keep);
    at.advance();
  }
}

// Run by one warp: lse and delta of each query tile; slots without a row get an lse that makes their probabilities 0.
// The full barrier of Q counts these lanes too.
template <class Config, class Policy>
__device__ __forceinline__ void load_row_values(const BackwardParams<Policy>& p, SmemAddress smem, const WorkItem& kv) {
  const int lane = threadIdx.x & 31;
  RingPosition<Config::kStages> at;
  auto cursor = query_cursor<Config>(p, kv);
  for (auto visit = cursor.next(); visit.valid; visit = cursor.next()) {
    mbarrier_wait_asleep<kBackwardNap>(smem + Config::kQEmpty + 8 * at.stage, at.parity ^ 1u);
    float* const values = reinterpret_cast<float*>(shared_memory() + Config::kRowOffset + at.stage * Config::kRowBytes);
    const long long first = p.rows_of(visit.item);
#pragma unroll
    for (int slot = lane; slot < Config::kTileQ; slot += 32) {
      const int row = p.policy.q_map.template row<Config::kTileQ>(visit.item, visit.item.q_tile, slot);
      values[slot] = row == kNoRow ? INFINITY : p.lse2[first + row];
      values[Config::kTileQ + slot] = row == kNoRow ? 0.0f : p.delta[first + row];
    }
    mbarrier_arrive(smem + Config::kQFull + 8 * at.stage);
    at.advance();
  }
}

} // namespace fvattn::engine::sm90
