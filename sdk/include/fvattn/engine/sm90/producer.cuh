// The producer warpgroup: one warp loads Q, K and V by TMA, another stores finished output tiles.
#pragma once

#include "fvattn/engine/sm90/cursor.cuh"
#include "fvattn/engine/sm90/tma.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kLoadNap = 40;   // nanoseconds between looks for a free stage: well below a stage's time
inline constexpr int kStoreNap = 400; // and for finished output, of which there is little

// K or V tile `tile` into a stage. Each CTA of a cluster loads its share of the rows into all of them.
template <class Config, class Policy, class Epilogue, class Maps>
__device__ __forceinline__ void load_kv(const ForwardParams<Policy, Epilogue>& p, const Maps& maps, SmemAddress stage, SmemAddress full,
                                        SmemAddress empty, std::uint32_t parity, int rank, std::uint64_t cache,
                                        const WorkItem& item, int tile) {
  mbarrier_wait_asleep<kLoadNap>(empty, parity ^ 1u);
  mbarrier_arrive_expect(full, Config::kKvStageBytes);
  const int kv_head = item.head / p.heads_per_kv_head;
  const SmemAddress dst = stage + rank * Config::kKvBoxRows * 128;
#pragma unroll
  for (int c = 0; c < Config::kChunks; ++c) {
    with_copy<Config::kTileKv>(maps, p.policy.kv_map, p.batch_of(item), kv_head, tile, rank * Config::kKvBoxRows, c,
                               [&](const CUtensorMap* map, auto at) {
                                 if constexpr (Config::kCluster == 1) {
                                   tma_load(dst + c * Config::kKvChunkBytes, map, full, cache, at);
                                 } else {
                                   tma_load_multicast(dst + c * Config::kKvChunkBytes, map, full, cache,
                                                      (1u << Config::kCluster) - 1u, at);
                                 }
                               });
  }
}

// body(tensor map, coordinates, shared address) of each copy of a consumer's rows of a query or output tile; `stage` is a
// query stage.
template <class Config, class Policy, class Epilogue, class Maps, class Body>
__device__ __forceinline__ void for_q_copies(const ForwardParams<Policy, Epilogue>& p, const Maps& maps, const WorkItem& item, int rank,
                                             int consumer, SmemAddress stage, Body&& body) {
#pragma unroll
  for (int c = 0; c < Config::kChunks; ++c) {
    with_copy<Config::kTileQ>(maps, p.policy.q_map, p.batch_of(item), item.head, item.q_tile,
                              rank * Config::kCtaQ + consumer * kRowsPerConsumer, c, [&](const CUtensorMap* map, auto at) {
                                body(map, at, stage + consumer * Config::kQConsumerBytes + c * Config::kQChunkBytes);
                              });
  }
}

// Run by one thread. Issues loads in the order of use: K of a step before V of the step before it.
template <class Config, class Policy, class Epilogue>
__device__ __forceinline__ void produce(const ForwardParams<Policy, Epilogue>& p, SmemAddress smem, Seat<Config> seat) {
  const std::uint64_t keep = cache_policy<CacheHint::kEvictLast>();
  const std::uint64_t once = cache_policy<CacheHint::kEvictFirst>();
  RingPosition<Config::kQStages> q_at;
  RingPosition<Config::kKStages> k_at;
  RingPosition<Config::kVStages> v_at;
  Cursor<Config, Policy> now;
  WorkItem v_item;
  int v_tile = -1;
  auto load_v = [&] {
    load_kv<Config>(p, p.v, smem + Config::kVOffset + v_at.stage * Config::kKvStageBytes,
                    smem + Config::kVFull + 8 * v_at.stage, smem + Config::kVEmpty + 8 * v_at.stage, v_at.parity,
                    seat.rank, keep, v_item, v_tile);
    v_at.advance();
  };
  for (now.load(p, seat.worker); now.valid(); now.advance(p, seat.worker)) {
    const int tile = now.kv_tile(p);
    if (now.first_step()) {
      // With one query stage the next query tile waits for this one's output, which needs its last values.
      if (Config::kQStages == 1 && v_tile >= 0) {
        load_v();
        v_tile = -1;
      }
      const SmemAddress full = smem + Config::kQFull + 8 * q_at.stage;
      mbarrier_wait_asleep<kLoadNap>(smem + Config::kQEmpty + 8 * q_at.stage, q_at.parity ^ 1u);
      mbarrier_arrive_expect(full, Config::kQStageBytes);
#pragma unroll
      for (int w = 0; w < Config::kConsumers; ++w) {
        for_q_copies<Config>(p, p.q, now.item, seat.rank, w, smem + Config::kQOffset + q_at.stage * Config::kQStageBytes,
                             [&](const CUtensorMap* map, auto at, SmemAddress dst) { tma_load(dst, map, full, once, at); });
      }
      q_at.advance();
    }
    load_kv<Config>(p, p.k, smem + Config::kKOffset + k_at.stage * Config::kKvStageBytes,
                    smem + Config::kKFull + 8 * k_at.stage, smem + Config::kKEmpty + 8 * k_at.stage, k_at.parity,
                    seat.rank, keep, now.item, tile);
    k_at.advance();
    if (v_tile >= 0) load_v();
    v_item = now.item;
    v_tile = tile;
  }
  if (v_tile >= 0) load_v();
}

// Run by one thread: sends each consumer's finished rows from the query stage to global memory, then frees the stage.
template <class Config, class Policy, class Epilogue>
__device__ __forceinline__ void store_outputs(const ForwardParams<Policy, Epilogue>& p, SmemAddress smem, Seat<Config> seat) {
  RingPosition<Config::kQStages> q_at;
  WorkItem item;
  for (int slot = 0; p.item(seat.worker, slot, item); ++slot) {
#pragma unroll
    for (int w = 0; w < Config::kConsumers; ++w) {
      mbarrier_wait_asleep<kStoreNap>(smem + Config::kOFull + 8 * (q_at.stage * Config::kConsumers + w), q_at.parity);
      if (!kSplitsTail<Config, Policy> || item.partial < 0)
        for_q_copies<Config>(p, p.o, item, seat.rank, w, smem + Config::kQOffset + q_at.stage * Config::kQStageBytes,
                             [&](const CUtensorMap* map, auto at, SmemAddress src) { tma_store(map, src, at); });
      tma_store_commit();
    }
    tma_store_wait_read();
    mbarrier_arrive(smem + Config::kQEmpty + 8 * q_at.stage);
    q_at.advance();
  }
}

} // namespace fvattn::engine::sm90
