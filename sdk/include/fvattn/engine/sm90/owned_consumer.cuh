// A consumer warpgroup with a list of its own (owned_lists.hpp): 64 query rows of each work item. It passes over the steps
// of the other consumers without waiting for them, as far as the stages of K and V reach. Inside an item, the softmax of a
// step runs beside the product with V of the step before it; items do not overlap, the other consumers fill that gap.
#pragma once

#include "fvattn/engine/sm90/consumer.cuh"
#include "fvattn/engine/sm90/owned_ring.cuh"
#include "fvattn/engine/sm90/owned_steps.cuh"

namespace fvattn::engine::sm90 {

// Sets scores of hidden keys to -inf: each lane asks for its keys, the votes say it to all.
template <int kTileKv, class Mask>
__device__ __forceinline__ void hide_scores(float (&s)[kTileKv / 2], const Mask& mask) {
  static_assert(CostlyKeyMask<Mask> && kTileKv % 32 == 0);
  const int lane = threadIdx.x & 31;
  std::uint32_t seen[kTileKv / 32];
#pragma unroll
  for (int word = 0; word < kTileKv / 32; ++word)
    seen[word] = __ballot_sync(0xFFFFFFFFu, mask.key_visible(word * 32 + lane));
#pragma unroll
  for (int i = 0; i < kTileKv / 2; ++i) {
    const int column = 8 * (i / 4) + (i & 1); // of the quad's first lane
    s[i] = (seen[column / 32] >> (column % 32 + 2 * (lane & 3)) & 1u) != 0 ? s[i] : -INFINITY;
  }
}

// Everything of one item between its queries and its output, `o` and `row`, which start as those of no key. The product with
// V of a step waits for the scores of the next own step; when that is so far that its K cannot be loaded before this V is
// freed, the next run of steps begins.
template <class Config, class Element, class Policy, class Epilogue>
__device__ __forceinline__ void attend_owned(const ForwardParams<Policy, Epilogue>& p, const WorkItem& item, SmemAddress q,
                                             OwnedSteps<Config, Policy>& steps, OwnedRing<Config, Config::kKStages>& keys,
                                             OwnedRing<Config, Config::kVStages>& values, float (&o)[Config::kHeadDim / 2],
                                             RowState& row) {
  const bool first_lane = (threadIdx.x & 31) == 0;
  const int count = steps.count();
  const std::uint64_t q_desc = matrix_descriptor(q, 16);
  float s[Config::kTileKv / 2], alpha[2] = {1.0f, 1.0f};
  std::uint32_t probabilities[Config::kTileKv / 4];
  // Scores to probabilities of the step that steps.next() gave last. True when `o` must be multiplied by alpha.
  const auto soften = [&] {
    if (steps.hides_keys()) hide_scores<Config::kTileKv>(s, p.policy.template mask<Config>(item, steps.key_tile()));
    return softmax_step(s, row, alpha, p.scale_log2);
  };
  const auto rescale = [&] {
#pragma unroll
    for (int i = 0; i < Config::kHeadDim / 2; ++i) o[i] *= alpha[(i >> 1) & 1];
  };

  int now = steps.next();
  while (now < count) {
    pass_both(keys, values, now, first_lane);
    keys.wait();
    pin(s);
    wgmma_fence();
    issue_scores<Config, Element>(s, q_desc, matrix_descriptor(keys.stage(), 16));
    wgmma_wait<0>();
    pin(s);
    keys.release(first_lane);
    if (soften()) rescale();
    pack_probabilities<Element>(s, probabilities);

    int next = steps.next();
    for (; next < count && next - now <= Config::kVStages; next = steps.next()) {
      values.pass_to(now, first_lane);
      keys.pass_to(next, first_lane);
      keys.wait();
      values.wait();
      pin(s);
      pin(o);
      pin(probabilities);
      wgmma_fence();
      issue_scores<Config, Element>(s, q_desc, matrix_descriptor(keys.stage(), 16));
      issue_values<Config, Element>(o, probabilities, matrix_descriptor(values.stage(), Config::kKvChunkBytes), 1, [] {});
      wgmma_wait<1>();
      pin(s);
      keys.release(first_lane);
      const bool rescaled = soften();
      // As in consumer.cuh: keeps the exponentials above the wait.
      if (row.sum[0] + row.sum[1] < 0.0f) __trap();
      wgmma_wait<0>();
      pin(o);
      pin(probabilities);
      values.release(first_lane);
      if (rescaled) rescale();
      pack_probabilities<Element>(s, probabilities);
      now = next;
    }

    values.pass_to(now, first_lane);
    values.wait();
    pin(o);
    pin(probabilities);
    wgmma_fence();
    issue_values<Config, Element>(o, probabilities, matrix_descriptor(values.stage(), Config::kKvChunkBytes), 1, [] {});
    wgmma_wait<0>();
    pin(o);
    pin(probabilities);
    values.release(first_lane);
    now = next;
  }
}

template <class Config, class Element, class Policy, class Epilogue>
__device__ __forceinline__ void consume_owned(const ForwardParams<Policy, Epilogue>& p, SmemAddress smem, Seat<Config> seat,
                                              int me) {
  static_assert(Policy::kOwners == Config::kConsumers && Config::kCluster == 1 && Config::kQStages > 1);
  const int lane = threadIdx.x & 31, warp = (threadIdx.x >> 5) & 3;
  const bool first_lane = lane == 0;
  const int row0 = me * kRowsPerConsumer + warp * 16; // slot of the warp's first row in the work item
  const SmemAddress q_base = smem + Config::kQOffset + me * Config::kQConsumerBytes;
  RingPosition<Config::kQStages> q_at;
  OwnedRing<Config, Config::kKStages> keys{smem + Config::kKFull, smem + Config::kKEmpty, smem + Config::kKOffset, {}};
  OwnedRing<Config, Config::kVStages> values{smem + Config::kVFull, smem + Config::kVEmpty, smem + Config::kVOffset, {}};
  OwnedSteps<Config, Policy> steps(p.policy, me);

  WorkItem item;
  for (int slot = 0; p.item(seat.worker, slot, item); ++slot) {
    steps.start(item);
    const SmemAddress q = q_base + q_at.stage * Config::kQStageBytes;
    float o[Config::kHeadDim / 2];
#pragma unroll
    for (int i = 0; i < Config::kHeadDim / 2; ++i) o[i] = 0.0f;
    RowState row;
    mbarrier_wait(smem + Config::kQFull + 8 * q_at.stage, q_at.parity);
    keys.passed = values.passed = 0;
    attend_owned<Config, Element>(p, item, q, steps, keys, values, o, row);
    const WorkItem mine{item.q_tile * Policy::kOwners + me, item.head, item.batch}; // what epilogues know
    float factor[2];
    finish_rows(row, factor);
    if constexpr (!std::is_same_v<Epilogue, sm80::PlainOutput>) {
      const TileRows<Config, decltype(p.policy.q_map)> rows{p.policy.q_map, item};
      float acc[1][Config::kHeadDim / 8][4];
#pragma unroll
      for (int i = 0; i < Config::kHeadDim / 2; ++i) acc[0][i / 4][i % 4] = o[i] * factor[(i >> 1) & 1];
      p.epilogue.template apply<Element, 1>(mine, rows, row0, 0, acc);
#pragma unroll
      for (int i = 0; i < Config::kHeadDim / 2; ++i) o[i] = acc[0][i / 4][i % 4];
      factor[0] = factor[1] = 1.0f;
    }
    stage_output<Config, Element>(o, factor, q);
    __syncwarp();
    mbarrier_arrive_if(smem + Config::kOFull + 8 * (q_at.stage * Config::kConsumers + me), lane == 0);
    if (p.lse != nullptr && (lane & 3) == 0) {
      float* lse = p.lse + (static_cast<std::int64_t>(item.batch) * p.order.heads + item.head) * p.lse_rows;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int token = p.policy.q_map.template row<Config::kTileQ>(item, item.q_tile, row0 + lane / 4 + 8 * r);
        if (token != kNoRow) lse[token] = log_sum_exp(row, r, p.scale);
      }
    }
    q_at.advance();
    pass_both(keys, values, steps.count(), first_lane);
    values.pass_to(steps.count(), first_lane);
  }
}

} // namespace fvattn::engine::sm90
