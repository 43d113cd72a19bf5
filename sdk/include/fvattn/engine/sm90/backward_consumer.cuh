// A consumer warpgroup of the backward kernel: the gradients of 64 keys, and its part of the gradients of each query
// tile that sees them.
#pragma once

#include "fvattn/engine/sm90/backward_ahead.cuh"
#include "fvattn/engine/sm90/backward_epilogue.cuh"
#include "fvattn/engine/sm90/epilogue.cuh"

namespace fvattn::engine::sm90 {

// P and dS of kSubQ queries, rounded, from scratch: `query0` is their first slot in the tile whose Q, dO and row values
// are given.
template <class Config, class Element, class Policy>
__device__ __forceinline__ void compute_scores(const BackwardParams<Policy>& p, const WorkItem& item, const WorkItem& kv,
                                               const BackwardSeat<Config>& seat, SmemAddress q, SmemAddress d_o, const float* rows,
                                               int query0, std::uint32_t (&probabilities)[Config::kSubQ / 4],
                                               std::uint32_t (&gradients)[Config::kSubQ / 4]) {
  float s[Config::kSubQ / 2], d_p[Config::kSubQ / 2];
  pin(s);
  pin(d_p);
  wgmma_fence();
  issue_transposed_scores<Config, Element>(s, seat.keys, q + query0 * 128);
  issue_transposed_scores<Config, Element>(d_p, seat.values, d_o + query0 * 128);
  wgmma_wait<1>();
  pin(s);
  probabilities_from_lse(s, RowPairs<Config::kSubQ / 2>(rows + query0), p.scale_log2);
  hide_pairs<Config>(p, item, kv, seat, query0, s);
  wgmma_wait<0>();
  pin(d_p);
  score_gradients(d_p, s, RowPairs<Config::kSubQ / 2>(rows + Config::kTileQ + query0));
  pack_probabilities<Element>(s, probabilities);
  pack_probabilities<Element>(d_p, gradients);
}

// The gradients of this consumer's keys over the query tiles that see them, one tile's products after the other's (the
// other form is in backward_ahead.cuh). kColumns: of a product of this consumer's part of d_q.
template <class Config, class Element, int kColumns, class Policy>
__device__ __forceinline__ void accumulate(const BackwardParams<Policy>& p, SmemAddress smem, const WorkItem& kv, int me,
                                           float (&d_k)[Config::kHeadDim / 2], float (&d_v)[Config::kHeadDim / 2]) {
  const auto seat = BackwardSeat<Config>::of(me, smem, p.policy, kv);
  const auto part = DqPart<Config>::of(me);
  RingPosition<Config::kStages> at;
  int buffer = 0;
  auto cursor = query_cursor<Config>(p, kv);
  mbarrier_wait(smem + Config::kKvFull, 0);
  for (auto visit = cursor.next(); visit.valid; visit = cursor.next()) {
    const WorkItem item = visit.item;
    const SmemAddress q = smem + Config::kQOffset + at.stage * Config::kQBytes;
    const SmemAddress d_o = smem + Config::kDoOffset + at.stage * Config::kQBytes;
    const SmemAddress d_s = smem + Config::kDsOffset + buffer * Config::kDsBytes;
    const float* rows = reinterpret_cast<const float*>(shared_memory() + Config::kRowOffset + at.stage * Config::kRowBytes);
    std::uint32_t probabilities[Config::kSubQ / 4], gradients[Config::kSubQ / 4];
    [[maybe_unused]] RowSums<Config> to;
    if constexpr (SumsByRow<Policy>) to.ask(p.policy, item, part);
    mbarrier_wait(smem + Config::kQFull + 8 * at.stage, at.parity);
    mbarrier_wait(smem + Config::kDoFull + 8 * at.stage, at.parity);
#pragma unroll
    for (int query0 = 0; query0 < Config::kTileQ; query0 += Config::kSubQ) {
      compute_scores<Config, Element>(p, item, kv, seat, q, d_o, rows, query0, probabilities, gradients);
      // With one buffer: everybody is done with the dS of the step before.
      if constexpr (Config::kDsTiles == 1) named_barrier_sync(kAllConsumers, Config::kConsumers * kWarpgroupThreads);
      store_transposed<Config>(gradients, d_s + me * Config::kDsChunkBytes + query0 * 128);
      async_proxy_fence();
      pin(d_v);
      pin(probabilities);
      wgmma_fence();
      issue_key_products<Config, Element>(d_v, probabilities, d_o + query0 * 128);
      if (query0 + Config::kSubQ == Config::kTileQ) break;
      pin(d_k);
      pin(gradients);
      issue_key_products<Config, Element>(d_k, gradients, q + query0 * 128);
      wgmma_wait<0>();
      pin(d_k);
      pin(d_v);
      pin(probabilities);
      pin(gradients);
    }
    // dS of all consumers is whole; and everybody is done with the buffer of the step before, which is written next.
    named_barrier_sync(kAllConsumers, Config::kConsumers * kWarpgroupThreads);
    QueryGradients<Config, Element, kColumns> d_q;
    pin(d_k);
    pin(gradients);
    wgmma_fence();
    d_q.issue(d_s, smem + Config::kKOffset, part);
    issue_key_products<Config, Element>(d_k, gradients, q + (Config::kTileQ - Config::kSubQ) * 128);
    wgmma_wait<1>();
    pin(d_v);
    pin(probabilities);
    mbarrier_arrive_if(smem + Config::kDoEmpty + 8 * at.stage, seat.first_thread);
    const long long tile = (static_cast<long long>(item.batch) * p.heads + item.head) * p.q_tiles + item.q_tile;
    float* const sums = p.d_q_sum + tile * Config::kDqTileFloats + part.offset;
    [[maybe_unused]] float* const of_head = p.d_q_sum + p.rows_of(item) * (Config::kChunks * kChunkColumns);
    if constexpr (SumsByRow<Policy>) to.add(d_q, of_head, part.chunk);
    else d_q.template add<ReadsTiles<Policy>>(sums);
    if constexpr (Config::kDqStepColumns < Config::kDqColumns) {
      wgmma_fence();
      d_q.issue(d_s, smem + Config::kKOffset, part, 1);
      wgmma_wait<1>();
    } else {
      wgmma_wait<0>();
    }
    pin(d_k);
    pin(gradients);
    mbarrier_arrive_if(smem + Config::kQEmpty + 8 * at.stage, seat.first_thread);
    if constexpr (Config::kDqStepColumns < Config::kDqColumns) {
      wgmma_wait<0>();
      if constexpr (SumsByRow<Policy>) to.add(d_q, of_head, part.chunk + 1);
      else d_q.template add<ReadsTiles<Policy>>(sums, 1);
    }
    at.advance();
    if constexpr (Config::kDsTiles == 2) buffer ^= 1;
  }
}

// Rounds 64 x kHeadDim gradients into this consumer's rows of a key tile at `tile`.
template <class Config, class Element>
__device__ __forceinline__ void stage_gradients(const float (&d)[Config::kHeadDim / 2], float factor, SmemAddress tile) {
  const int lane = threadIdx.x & 31, warp = (threadIdx.x >> 5) & 3;
  const int row = warp * 16 + (lane & 15), half = lane >> 4;
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 16; ++i) {
    const int chunk = i / 4, piece = (i % 4) * 2 + half;
    const float* v = d + 8 * i;
    stmatrix_x4(tile + chunk * Config::kKvChunkBytes + swizzled_offset(row, piece), pack<Element>(v[0] * factor, v[1] * factor),
                pack<Element>(v[2] * factor, v[3] * factor), pack<Element>(v[4] * factor, v[5] * factor),
                pack<Element>(v[6] * factor, v[7] * factor));
  }
}

template <class Config, class Element, class Policy, class Epilogues>
__device__ __forceinline__ void consume_backward(const BackwardCall<Policy, Epilogues>& p, SmemAddress smem, const WorkItem& kv,
                                                 int me) {
  float d_k[Config::kHeadDim / 2], d_v[Config::kHeadDim / 2];
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 2; ++i) d_k[i] = d_v[i] = 0.0f;
  constexpr int kLastColumns = Config::kSplitRows ? Config::kHeadDim : Config::kHeadDim - (Config::kChunks - 1) * kChunkColumns;
  const BackwardParams<Policy>& params = p;
  const auto accumulate_all = [&]<int kColumns>() {
    if constexpr (Config::kScoresAhead && !SumsByRow<Policy> && !WalksTiles<Policy>) {
      accumulate_ahead<Config, Element, kColumns>(params, smem, kv, me, d_k, d_v);
    } else {
      accumulate<Config, Element, kColumns>(params, smem, kv, me, d_k, d_v);
    }
  };
  if (kLastColumns == Config::kDqColumns || me + 1 < Config::kConsumers) {
    accumulate_all.template operator()<Config::kDqStepColumns>();
  } else {
    accumulate_all.template operator()<kLastColumns>();
  }

  // The key tile's place takes its gradients, once nobody reads it any more.
  named_barrier_sync(kAllConsumers, Config::kConsumers * kWarpgroupThreads);
  const int first = me * Config::kKeysPerConsumer;
  const SmemAddress k = smem + Config::kKOffset + first * 128, v = smem + Config::kVOffset + first * 128;
  float factor = p.scale;
  if constexpr (!std::is_same_v<Epilogues, sm80::PlainGradients>) {
    const int row0 = first + static_cast<int>(threadIdx.x & (kWarpgroupThreads - 1)) / 32 * 16;
    const auto& map = p.policy.kv_map;
    add_epilogue<Element, Config::kTileKv>(p.epilogues.d_k, map, kv, row0, 0, factor, d_k);
    add_epilogue<Element, Config::kTileKv>(p.epilogues.d_v, map, kv, row0, 0, 1.0f, d_v);
    factor = 1.0f;
  }
  stage_gradients<Config, Element>(d_k, factor, k);
  stage_gradients<Config, Element>(d_v, 1.0f, v);
  async_proxy_fence();
  named_barrier_sync(kAllConsumers + 1 + me, kWarpgroupThreads);
  if ((threadIdx.x & (kWarpgroupThreads - 1)) != 0) return;
#pragma unroll
  for (int c = 0; c < Config::kChunks; ++c) {
    with_copy<Config::kTileKv>(p.d_k, p.policy.kv_map, p.batch_of(kv), kv.head, kv.q_tile, first, c,
                               [&](const CUtensorMap* map, auto at) { tma_store(map, k + c * Config::kKvChunkBytes, at); });
    with_copy<Config::kTileKv>(p.d_v, p.policy.kv_map, p.batch_of(kv), kv.head, kv.q_tile, first, c,
                               [&](const CUtensorMap* map, auto at) { tma_store(map, v + c * Config::kKvChunkBytes, at); });
  }
  tma_store_commit();
  tma_store_wait_read();
}

} // namespace fvattn::engine::sm90
