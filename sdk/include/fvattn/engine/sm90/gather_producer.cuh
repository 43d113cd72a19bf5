// The producer warpgroup of the gathering forward kernel: one thread loads the tiles of chunks by TMA, one stores partial
// results (producer.cuh), and two warps gather query rows, since TMA takes no lists of rows on Hopper.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>

#include "fvattn/engine/sm90/gather_params.cuh"
#include "fvattn/engine/sm90/producer.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kGatherThreads = 64;
inline constexpr int kGatherBarrier = 8; // a named barrier that consumers do not use
inline constexpr int kPieceElements = 8, kPieces = kChunkColumns / kPieceElements; // 16 bytes: what cp.async copies

// The tile of a chunk that begins at `at`, into a stage: rows behind the copy's keep what is there.
template <class Config>
__device__ __forceinline__ void load_chunk_tile(const CUtensorMap* map, const Extent3& at, int kv_head, int keys,
                                                SmemAddress stage, SmemAddress full, SmemAddress empty,
                                                std::uint32_t parity, std::uint64_t cache) {
  mbarrier_wait_asleep<kLoadNap>(empty, parity ^ 1u);
  mbarrier_arrive_expect(full, Config::kChunks * keys * 128);
#pragma unroll
  for (int c = 0; c < Config::kChunks; ++c)
    tma_load(stage + c * Config::kKvChunkBytes, map, full, cache, Coords5{c * kChunkColumns, at.w, at.h, at.t, kv_head});
}

// Run by one thread: K of a step before V of the step before it, as the consumers use them.
template <class Config, class Policy>
__device__ __forceinline__ void produce_chunks(const GatherParams<Policy>& p, SmemAddress smem, Seat<Config> seat) {
  const std::uint64_t keep = cache_policy<CacheHint::kEvictLast>();
  const ChunkCopies& chunks = p.policy.kv_map;
  RingPosition<Config::kKStages> k_at;
  RingPosition<Config::kVStages> v_at;
  Cursor<Config, Policy> now;
  Extent3 first{}, v_tile{};
  int kv_head = 0, v_head = 0;
  bool last = false, v_last = false, pending = false;
  auto load_v = [&] {
    load_chunk_tile<Config>(v_last ? &p.v.last : &p.v.whole, v_tile, v_head, chunks.keys(),
                            smem + Config::kVOffset + v_at.stage * Config::kKvStageBytes,
                            smem + Config::kVFull + 8 * v_at.stage, smem + Config::kVEmpty + 8 * v_at.stage, v_at.parity,
                            keep);
    v_at.advance();
  };
  for (now.load(p, seat.worker); now.valid(); now.advance(p, seat.worker)) {
    if (now.first_step()) {
      const int chunk = p.policy.chunk(now.item);
      first = chunks.chunk_at(chunk);
      last = chunks.is_short(chunk);
      kv_head = now.item.head / p.heads_per_kv_head;
    }
    const Extent3 inside = chunks.tile_at(now.step);
    const Extent3 tile{first.t + inside.t, first.h + inside.h, first.w + inside.w};
    load_chunk_tile<Config>(last ? &p.k.last : &p.k.whole, tile, kv_head, chunks.keys(),
                            smem + Config::kKOffset + k_at.stage * Config::kKvStageBytes,
                            smem + Config::kKFull + 8 * k_at.stage, smem + Config::kKEmpty + 8 * k_at.stage, k_at.parity,
                            keep);
    k_at.advance();
    if (pending) load_v();
    v_tile = tile, v_head = kv_head, v_last = last;
    pending = true;
  }
  if (pending) load_v();
}

// Run by kGatherThreads threads: each copies one 16-byte piece of every 8th row, so that 8 threads read 128 bytes in a row.
template <class Config, class Element, class Policy>
__device__ __forceinline__ void gather_queries(const GatherParams<Policy>& p, SmemAddress smem, Seat<Config> seat,
                                               int thread) {
  constexpr int kRowStep = kGatherThreads / kPieces, kSteps = Config::kTileQ / kRowStep;
  constexpr int kOfConsumer = kRowsPerConsumer / kRowStep;
  static_assert(kRowStep == 8, "a thread's rows have one place in the swizzle");
  const int piece = thread % kPieces, row0 = thread / kPieces;
  const auto* const from = static_cast<const Element*>(p.queries.data) + piece * kPieceElements;
  const SmemAddress to = smem + Config::kQOffset + swizzled_offset(row0, piece);
  RingPosition<Config::kQStages> q_at;
  WorkItem item;
  for (int slot = 0; p.item(seat.worker, slot, item); ++slot) {
    const int* const rows = p.policy.template rows<Config::kTileQ>(item) + row0;
    int row[kSteps];
#pragma unroll
    for (int i = 0; i < kSteps; ++i) row[i] = rows[i * kRowStep];
    const Element* const of_head = from + item.head * p.queries.head_stride;
    const SmemAddress stage = to + q_at.stage * Config::kQStageBytes;
    mbarrier_wait_asleep<kLoadNap>(smem + Config::kQEmpty + 8 * q_at.stage, q_at.parity ^ 1u);
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      const Element* const source = of_head + larger(row[i], 0) * p.queries.token_stride;
      const SmemAddress target = stage + i / kOfConsumer * Config::kQConsumerBytes + i % kOfConsumer * kRowStep * 128;
#pragma unroll
      for (int c = 0; c < Config::kChunks; ++c) // an address past head_dim is formed but not read
        sm80::copy_async_16(target + c * Config::kQChunkBytes, source + c * kChunkColumns,
                            row[i] >= 0 && c * kChunkColumns + piece * kPieceElements < p.head_dim);
    }
    sm80::copy_async_commit();
    sm80::copy_async_wait<0>();
    async_proxy_fence(); // wgmma reads what ordinary copies wrote
    named_barrier_sync(kGatherBarrier, kGatherThreads);
    mbarrier_arrive_if(smem + Config::kQFull + 8 * q_at.stage, thread == 0);
    q_at.advance();
  }
}

} // namespace fvattn::engine::sm90
