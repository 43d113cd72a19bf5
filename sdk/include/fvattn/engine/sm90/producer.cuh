// The producer warpgroup: one warp loads Q, K and V by TMA, another stores finished output tiles.
#pragma once

#include "fvattn/engine/sm90/coords.cuh"
#include "fvattn/engine/sm90/cursor.cuh"
#include "fvattn/engine/sm90/tma.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kLoadNap = 40;   // nanoseconds between looks for a free stage: well below a stage's time
inline constexpr int kStoreNap = 400; // and for finished output, of which there is little

// K or V tile `tile` into ring position `ring`. Each CTA of a cluster loads its share of the rows into all of them.
template <class Config, class Policy>
__device__ __forceinline__ void load_kv(const ForwardParams<Policy>& p, const CUtensorMap* map, SmemAddress stage,
                                        SmemAddress full, SmemAddress empty, std::uint32_t parity, int rank,
                                        std::uint64_t cache, const WorkItem& item, int tile) {
  mbarrier_wait_asleep<kLoadNap>(empty, parity ^ 1u);
  mbarrier_arrive_expect(full, Config::kKvStageBytes);
  const int kv_head = item.head / p.heads_per_kv_head;
  const SmemAddress dst = stage + rank * Config::kKvBoxRows * 128;
#pragma unroll
  for (int c = 0; c < Config::kChunks; ++c) {
    const auto at = tile_coords<Config::kTileKv>(p.policy.kv_map, item.batch, kv_head, tile, rank * Config::kKvBoxRows, c);
    if constexpr (Config::kCluster == 1) {
      tma_load(dst + c * Config::kKvChunkBytes, map, full, cache, at);
    } else {
      tma_load_multicast(dst + c * Config::kKvChunkBytes, map, full, cache, (1u << Config::kCluster) - 1u, at);
    }
  }
}

// Chunk `chunk` of the query rows of consumer `consumer` in CTA `rank` of the cluster.
template <class Config, class Policy>
__device__ __forceinline__ auto q_coords(const ForwardParams<Policy>& p, const WorkItem& item, int rank, int consumer,
                                         int chunk) {
  const int row = rank * Config::kCtaQ + consumer * kRowsPerConsumer;
  return tile_coords<Config::kTileQ>(p.policy.q_map, item.batch, item.head, item.q_tile, row, chunk);
}

// Run by one thread. Issues loads in the order of use: K of a step before V of the step before it.
template <class Config, class Policy>
__device__ __forceinline__ void produce(const ForwardParams<Policy>& p, SmemAddress smem, Seat<Config> seat) {
  const std::uint64_t keep = cache_policy<CacheHint::kEvictLast>();
  const std::uint64_t once = cache_policy<CacheHint::kEvictFirst>();
  RingPosition<Config::kQStages> q_at;
  RingPosition<Config::kKStages> k_at;
  RingPosition<Config::kVStages> v_at;
  Cursor<Config, Policy> now;
  WorkItem v_item;
  int v_tile = -1;
  auto load_v = [&] {
    load_kv<Config>(p, &p.v, smem + Config::kVOffset + v_at.stage * Config::kKvStageBytes,
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
#pragma unroll
        for (int c = 0; c < Config::kChunks; ++c) {
          tma_load(smem + Config::kQOffset + q_at.stage * Config::kQStageBytes + w * Config::kQConsumerBytes +
                       c * Config::kQChunkBytes,
                   &p.q, full, once, q_coords<Config>(p, now.item, seat.rank, w, c));
        }
      }
      q_at.advance();
    }
    load_kv<Config>(p, &p.k, smem + Config::kKOffset + k_at.stage * Config::kKvStageBytes,
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
template <class Config, class Policy>
__device__ __forceinline__ void store_outputs(const ForwardParams<Policy>& p, SmemAddress smem, Seat<Config> seat) {
  RingPosition<Config::kQStages> q_at;
  WorkItem item;
  for (int slot = 0; p.order.item(seat.worker, slot, item); ++slot) {
#pragma unroll
    for (int w = 0; w < Config::kConsumers; ++w) {
      mbarrier_wait_asleep<kStoreNap>(smem + Config::kOFull + 8 * (q_at.stage * Config::kConsumers + w), q_at.parity);
#pragma unroll
      for (int c = 0; c < Config::kChunks; ++c) {
        tma_store(&p.o,
                  smem + Config::kQOffset + q_at.stage * Config::kQStageBytes + w * Config::kQConsumerBytes +
                      c * Config::kQChunkBytes,
                  q_coords<Config>(p, item, seat.rank, w, c));
      }
      tma_store_commit();
    }
    tma_store_wait_read();
    mbarrier_arrive(smem + Config::kQEmpty + 8 * q_at.stage);
    q_at.advance();
  }
}

} // namespace fvattn::engine::sm90
