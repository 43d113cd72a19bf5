// What brings rows to the gathering backward kernel: the keys of its chunk once, then the query rows that chose it, tile by
// tile. TMA takes no lists of rows on Hopper.
#pragma once

#include "sm90_backward_params.cuh"

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm90/backward_producer.cuh>
#include <fvattn/engine/sm90/shared_tile.cuh>

namespace vmoba::gpu {

inline constexpr int kGradientGatherers = 64;
inline constexpr int kGradientGatherBarrier = 8;  // a named barrier that consumers do not use
inline constexpr int kPieceElements = 8, kPieces = sm90::kChunkColumns / kPieceElements;  // 16 bytes: what cp.async copies

/// Starts the copy of rows[i], 8 slots apart, from this thread's piece on: zeros where there is no row. `to`: its slot 0.
template <class Config, class Element, int kRows>
__device__ __forceinline__ void copy_rows(const sm80::ConstTensor& from, int head, int head_dim, int piece,
                                          const int (&rows)[kRows], sm90::SmemAddress to, int chunk_bytes) {
  const Element* const of_head = static_cast<const Element*>(from.data) + head * from.head_stride + piece * kPieceElements;
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const Element* const source = of_head + engine::larger(rows[i], 0) * from.row_stride;
#pragma unroll
    for (int c = 0; c < Config::kChunks; ++c)  // an address past head_dim is formed but not read
      sm80::copy_async_16(to + c * chunk_bytes + i * kPieces * 128, source + c * sm90::kChunkColumns,
                          rows[i] >= 0 && c * sm90::kChunkColumns + piece * kPieceElements < head_dim);
  }
}

/// K and V of the key tile, by the whole block; they are there behind the block's next barrier.
template <class Config, class Element>
__device__ __forceinline__ void gather_keys(const GatheredGradients& p, sm90::SmemAddress smem, const engine::WorkItem& kv) {
  const int thread = static_cast<int>(threadIdx.x), piece = thread % kPieces;
  const engine::WorkItem item = rows_of_keys(p, kv);
  for (int slot = thread / kPieces; slot < Config::kTileKv; slot += Config::kThreads / kPieces) {
    const int row[1] = {p.policy.kv_map.template row<Config::kTileKv>(item, kv.q_tile, slot)};
    const auto at = smem + sm90::swizzled_offset(slot, piece);
    copy_rows<Config, Element>(p.keys, kv.head, p.head_dim, piece, row, at + Config::kKOffset, Config::kKvChunkBytes);
    copy_rows<Config, Element>(p.values, kv.head, p.head_dim, piece, row, at + Config::kVOffset, Config::kKvChunkBytes);
  }
  sm80::copy_async_commit();
  sm80::copy_async_wait<0>();
  sm90::async_proxy_fence();  // wgmma reads what ordinary copies wrote
}

/// Run by kGradientGatherers threads: each copies one piece of every 8th row.
template <class Config, class Element>
__device__ __forceinline__ void gather_tiles(const GatheredGradients& p, sm90::SmemAddress smem, const engine::WorkItem& kv,
                                             int thread) {
  constexpr int kRows = Config::kTileQ / kPieces;
  static_assert(kGradientGatherers == kPieces * 8, "a thread's rows have one place in the swizzle");
  const int piece = thread % kPieces, row0 = thread / kPieces;
  const sm90::SmemAddress to = smem + sm90::swizzled_offset(row0, piece);
  sm90::RingPosition<Config::kStages> at;
  auto cursor = sm90::query_cursor<Config>(p, kv);
  for (auto visit = cursor.next(); visit.valid; visit = cursor.next()) {
    int rows[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i)
      rows[i] = p.policy.q_map.template row<Config::kTileQ>(visit.item, visit.item.q_tile, row0 + i * kPieces);
    sm90::mbarrier_wait_asleep<sm90::kBackwardNap>(smem + Config::kQEmpty + 8 * at.stage, at.parity ^ 1u);
    copy_rows<Config, Element>(p.queries, visit.item.head, p.head_dim, piece, rows,
                               to + Config::kQOffset + at.stage * Config::kQBytes, Config::kQChunkBytes);
    sm80::copy_async_commit();
    sm90::mbarrier_wait_asleep<sm90::kBackwardNap>(smem + Config::kDoEmpty + 8 * at.stage, at.parity ^ 1u);
    copy_rows<Config, Element>(p.d_outputs, visit.item.head, p.head_dim, piece, rows,
                               to + Config::kDoOffset + at.stage * Config::kQBytes, Config::kQChunkBytes);
    sm80::copy_async_commit();
    sm80::copy_async_wait<0>();
    sm90::async_proxy_fence();
    sm90::named_barrier_sync(kGradientGatherBarrier, kGradientGatherers);
    sm90::mbarrier_arrive_if(smem + Config::kQFull + 8 * at.stage, thread == 0);
    sm90::mbarrier_arrive_if(smem + Config::kDoFull + 8 * at.stage, thread == 0);
    at.advance();
  }
}

}  // namespace vmoba::gpu
