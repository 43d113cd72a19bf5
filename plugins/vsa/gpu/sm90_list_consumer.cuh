// The consumer of the kernel of lists: 64 query rows, steps as the loading warps announce them.
#pragma once

#include "sm90_list_params.cuh"

#include <fvattn/engine/sm90/consumer.cuh>

namespace vsa::gpu {

/// Scores of slots without a key become -inf.
template <int kCount>
__device__ __forceinline__ void mask_slots(float (&s)[kCount], const std::uint32_t (&seen)[2]) {
  if ((seen[0] & seen[1]) == 0xFFFFFFFFu) return;
  const int lane = static_cast<int>(threadIdx.x & 31);
  const std::uint32_t mine[2] = {seen[0] >> 2 * (lane & 3), seen[1] >> 2 * (lane & 3)};
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const int column = 8 * (i / 4) + (i & 1);  // of the quad's first lane
    s[i] = (mine[column / 32] >> column % 32 & 1u) != 0 ? s[i] : -INFINITY;
  }
}

template <class Config, class Element, class Epilogue>
__device__ __forceinline__ void consume_list(const ListParams<Epilogue>& p, sm90::SmemAddress smem) {
  const int lane = static_cast<int>(threadIdx.x & 31), warp = static_cast<int>(threadIdx.x >> 5 & 3);
  const int row_in_tile = warp * 16 + lane / 4;
  const ListStep* const steps = ListLayout<Config>::steps();
  sm90::RingPosition<Config::kQStages> q_at;
  sm90::RingPosition<Config::kKStages> k_at;
  sm90::RingPosition<Config::kVStages> v_at;
  sm90::RingPosition<kListSteps> step_at;
  float s[Config::kTileKv / 2], o[Config::kHeadDim / 2];
  std::uint32_t probabilities[Config::kTileKv / 4];
  float alpha[2] = {1.0f, 1.0f};

  const std::uint64_t q_first = sm90::matrix_descriptor(smem + Config::kQOffset, 16);
  const std::uint64_t k_first = sm90::matrix_descriptor(smem + Config::kKOffset, 16);
  const std::uint64_t v_first = sm90::matrix_descriptor(smem + Config::kVOffset, Config::kKvChunkBytes);
  const auto q_stage = [&] { return sm90::descriptor_offset(q_first, q_at.stage * Config::kQStageBytes); };
  const auto k_stage = [&] { return sm90::descriptor_offset(k_first, k_at.stage * Config::kKvStageBytes); };
  const auto v_stage = [&] { return sm90::descriptor_offset(v_first, v_at.stage * Config::kKvStageBytes); };
  const auto next_step = [&] {
    const ListStep step = steps[step_at.stage];
    step_at.advance();
    return step;
  };

  ListItems<Config> items(smem);
  engine::WorkItem item;
  while (items.take(p, item)) {
    sm90::mbarrier_wait(smem + Config::kQFull + 8 * q_at.stage, q_at.parity);
    sm90::mbarrier_wait(smem + Config::kKFull + 8 * k_at.stage, k_at.parity);
    ListStep step = next_step();
    sm90::pin(s);
    sm90::wgmma_fence();
    sm90::issue_scores<Config, Element>(s, q_stage(), k_stage());
    sm90::wgmma_wait<0>();
    sm90::pin(s);
    sm90::release<Config>(smem + Config::kKEmpty + 8 * k_at.stage);
    k_at.advance();
    sm90::RowState row;
    mask_slots(s, step.seen);
    sm90::softmax_step(s, row, alpha, p.scale_log2);
    sm90::pack_probabilities<Element>(s, probabilities);

    int started = 0;      // o holds something
    bool k_ready = false;  // asked for early: the answer takes 40 clocks
    while (step.last == 0) {
      if (!k_ready) sm90::mbarrier_wait(smem + Config::kKFull + 8 * k_at.stage, k_at.parity);
      step = next_step();
      sm90::pin(s);
      sm90::pin(o);
      sm90::pin(probabilities);
      sm90::wgmma_fence();
      sm90::issue_scores<Config, Element>(s, q_stage(), k_stage());
      sm90::mbarrier_wait(smem + Config::kVFull + 8 * v_at.stage, v_at.parity);
      sm90::wgmma_fence();
      sm90::issue_values<Config, Element>(o, probabilities, v_stage(), started, [] {});
      started = 1;

      sm90::wgmma_wait<1>();
      sm90::pin(s);
      sm90::release<Config>(smem + Config::kKEmpty + 8 * k_at.stage);
      k_at.advance();
      mask_slots(s, step.seen);
      const bool rescale = sm90::update_maximum(s, row, alpha, p.scale_log2);
      // The product with V ends while the first part is exponentiated.
      sm90::exponentiate<0, Config::kFirstPart>(s, row, p.scale_log2);
      if constexpr (Config::kFirstPart == Config::kTileKv / 2) {
        if (row.sum[0] + row.sum[1] < 0.0f) __trap();
      }
      sm90::wgmma_wait<0>();
      sm90::pin(o);
      sm90::pin(probabilities);
      sm90::release<Config>(smem + Config::kVEmpty + 8 * v_at.stage);
      v_at.advance();
      if (rescale) {
#pragma unroll
        for (int i = 0; i < Config::kHeadDim / 2; ++i) o[i] *= alpha[(i >> 1) & 1];
      }
      k_ready = sm90::mbarrier_test(smem + Config::kKFull + 8 * k_at.stage, k_at.parity);
      sm90::pack_probabilities<Element, 0, Config::kFirstPart>(s, probabilities);
      sm90::exponentiate<Config::kFirstPart, Config::kTileKv / 2>(s, row, p.scale_log2);
      sm90::pack_probabilities<Element, Config::kFirstPart, Config::kTileKv / 2>(s, probabilities);
    }

    sm90::mbarrier_wait(smem + Config::kVFull + 8 * v_at.stage, v_at.parity);
    sm90::pin(o);
    sm90::pin(probabilities);
    sm90::wgmma_fence();
    sm90::issue_values<Config, Element>(o, probabilities, v_stage(), started, [] {});
    sm90::wgmma_wait<0>();
    sm90::pin(o);
    sm90::pin(probabilities);
    sm90::release<Config>(smem + Config::kVEmpty + 8 * v_at.stage);
    v_at.advance();

    float factor[2];
    sm90::finish_rows(row, factor);
    sm90::apply_epilogue<Config, Element>(p, item, o, factor, warp * 16);
    sm90::stage_output<Config, Element>(o, factor, smem + Config::kQOffset + q_at.stage * Config::kQStageBytes);
    __syncwarp();
    sm90::mbarrier_arrive_if(smem + Config::kOFull + 8 * q_at.stage, lane == 0);
    if (p.lse != nullptr && (lane & 3) == 0) {
      float* const lse = p.lse + (static_cast<std::int64_t>(item.batch) * p.order.heads + item.head) * p.lse_rows;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int token = p.policy.q_map.template row<Config::kTileQ>(item, item.q_tile, row_in_tile + 8 * r);
        if (token != engine::kNoRow) lse[token] = sm90::log_sum_exp(row, r, p.scale);
      }
    }
    q_at.advance();
  }
}

}  // namespace vsa::gpu
