// The form of a consumer's loop for tiles of 64 queries at large head dims: the scores of the next query tile are issued
// with the products of this one, so that the tensor cores have work while d_q goes to memory and while consumers wait for each
// other. What it needs to fit the registers: dS is an operand of d_k in shared memory, where it lies for d_q anyway.
#pragma once

#include "fvattn/engine/sm90/backward_parts.cuh"
#include "fvattn/engine/sm90/softmax.cuh"

namespace fvattn::engine::sm90 {

// A query tile, and the stage that it lies in.
template <class Config>
struct BackwardTile {
  WorkItem item;
  RingPosition<Config::kStages> at;

  __device__ __forceinline__ SmemAddress q(SmemAddress smem) const {
    return smem + Config::kQOffset + at.stage * Config::kQBytes;
  }
  __device__ __forceinline__ SmemAddress d_o(SmemAddress smem) const {
    return smem + Config::kDoOffset + at.stage * Config::kQBytes;
  }
  __device__ __forceinline__ const float* rows() const {
    return reinterpret_cast<const float*>(shared_memory() + Config::kRowOffset + at.stage * Config::kRowBytes);
  }
};

// As accumulate in backward_consumer.cuh.
template <class Config, class Element, int kColumns, class Policy>
__device__ __forceinline__ void accumulate_ahead(const BackwardParams<Policy>& p, SmemAddress smem, const WorkItem& kv, int me,
                                                 float (&d_k)[Config::kHeadDim / 2], float (&d_v)[Config::kHeadDim / 2]) {
  static_assert(Config::kTileQ == Config::kSubQ && Config::kDqStepColumns == Config::kDqColumns && Config::kDsTiles == 2);
  const auto seat = BackwardSeat<Config>::of(me, smem, p.policy, kv);
  const auto part = DqPart<Config>::of(me);
  int buffer = 0;
  auto cursor = query_cursor<Config>(p, kv);
  mbarrier_wait(smem + Config::kKvFull, 0);
  auto visit = cursor.next();
  if (!visit.valid) return;
  BackwardTile<Config> tile{visit.item, {}};
  float s[Config::kSubQ / 2];
  mbarrier_wait(smem + Config::kQFull + 8 * tile.at.stage, tile.at.parity);
  pin(s);
  wgmma_fence();
  issue_transposed_scores<Config, Element>(s, seat.keys, tile.q(smem));
  do {
    visit = cursor.next();
    // After the last tile its own scores are computed once more, for nothing: a branch around products would serialise them.
    BackwardTile<Config> next = tile;
    if (visit.valid) {
      next.item = visit.item;
      next.at.advance();
    }
    const SmemAddress d_s = smem + Config::kDsOffset + buffer * Config::kDsBytes;
    const float* const rows = tile.rows();
    mbarrier_wait(smem + Config::kDoFull + 8 * tile.at.stage, tile.at.parity);
    // Row values are read while nothing waits for them: operands of products that run go first at the shared memory's port.
    const RowPairs<Config::kSubQ / 2> lse2(rows);
    // Of products under way across the end of a loop, ptxas follows none but those that the first wait is for.
    wgmma_wait<0>();
    pin(s);
    float d_p[Config::kSubQ / 2];
    pin(d_p);
    wgmma_fence();
    issue_transposed_scores<Config, Element>(d_p, seat.values, tile.d_o(smem));
    probabilities_from_lse(s, lse2, p.scale_log2);
    hide_pairs<Config>(p, tile.item, kv, seat, 0, s);
    std::uint32_t probabilities[Config::kSubQ / 4], gradients[Config::kSubQ / 4];
    pack_probabilities<Element>(s, probabilities);
    const RowPairs<Config::kSubQ / 2> delta(rows + Config::kTileQ);
    pin(d_v);
    pin(probabilities);
    wgmma_fence();
    issue_key_products<Config, Element>(d_v, probabilities, tile.d_o(smem));
    wgmma_wait<1>();
    pin(d_p);
    score_gradients(d_p, s, delta);
    pack_probabilities<Element>(d_p, gradients);
    const SmemAddress my_d_s = d_s + me * Config::kDsChunkBytes;
    store_transposed<Config>(gradients, my_d_s);
    async_proxy_fence();
    mbarrier_wait(smem + Config::kQFull + 8 * next.at.stage, next.at.parity);
    // dS of all consumers is whole; and everybody is done with the buffer of the step before, which is written next.
    named_barrier_sync(kAllConsumers, Config::kConsumers * kWarpgroupThreads);
    QueryGradients<Config, Element, kColumns> d_q;
    pin(d_k);
    pin(s);
    wgmma_fence();
    const long long index = (static_cast<long long>(tile.item.batch) * p.heads + tile.item.head) * p.q_tiles + tile.item.q_tile;
    d_q.issue(d_s, smem + Config::kKOffset, part);
    issue_key_products<Config, Element>(d_k, my_d_s, tile.q(smem));
    issue_transposed_scores<Config, Element>(s, seat.keys, next.q(smem));
    wgmma_wait<2>();
    pin(d_v);
    pin(probabilities);
    mbarrier_arrive_if(smem + Config::kDoEmpty + 8 * tile.at.stage, seat.first_thread);
    d_q.template add<ReadsTiles<Policy>>(p.d_q_sum + index * Config::kDqTileFloats + part.offset);
    wgmma_wait<1>();
    pin(d_k);
    mbarrier_arrive_if(smem + Config::kQEmpty + 8 * tile.at.stage, seat.first_thread);
    tile = next;
    buffer ^= 1;
  } while (visit.valid);
  wgmma_wait<0>();
  pin(s);
}

} // namespace fvattn::engine::sm90
