// A consumer warpgroup: 64 query rows of each tile. One software pipeline over all steps of the CTA: while the
// softmax of step i runs, the product with V of step i - 1 is on the tensor cores, also across query tiles, so short
// key sequences pay no ramp per tile.
#pragma once

#include "fvattn/engine/sm90/cursor.cuh"
#include "fvattn/engine/sm90/epilogue.cuh"
#include "fvattn/engine/sm90/products.cuh"
#include "fvattn/engine/sm90/softmax.cuh"

#include <type_traits>

namespace fvattn::engine::sm90 {

// Frees a K or V stage in every CTA that multicast into it needs: the producers of the whole cluster wait for it.
template <class Config>
__device__ __forceinline__ void release(SmemAddress empty) {
  const int thread = threadIdx.x & (kWarpgroupThreads - 1);
  if constexpr (Config::kCluster == 1) {
    mbarrier_arrive_if(empty, thread == 0);
  } else {
    mbarrier_arrive_remote_if(empty, thread, thread < Config::kCluster);
  }
}

// Sets scores that a row must not see to -inf. row0: slot of this thread's first row in the work item.
template <class Config, class Policy, class Epilogue>
__device__ __forceinline__ void mask_scores(const ForwardParams<Policy, Epilogue>& p, float (&s)[Config::kTileKv / 2],
                                            const Cursor<Config, Policy>& at, int row0) {
  if (!at.needs_mask(p)) return;
  const int tile = at.kv_tile(p);
  const int lane = threadIdx.x & 31;
  const auto mask = p.policy.template mask<Config>(at.item, tile);
  if constexpr (CostlyKeyMask<decltype(mask)>) {
    // Each lane asks for its keys; the votes say it to all.
    static_assert(Config::kTileKv % 32 == 0);
    std::uint32_t seen[Config::kTileKv / 32];
#pragma unroll
    for (int word = 0; word < Config::kTileKv / 32; ++word)
      seen[word] = __ballot_sync(0xFFFFFFFFu, !at.empty && mask.key_visible(word * 32 + lane));
#pragma unroll
    for (int i = 0; i < Config::kTileKv / 2; ++i) {
      const int column = 8 * (i / 4) + (i & 1); // of the quad's first lane
      s[i] = (seen[column / 32] >> (column % 32 + 2 * (lane & 3)) & 1u) != 0 ? s[i] : -INFINITY;
    }
  } else {
#pragma unroll
    for (int i = 0; i < Config::kTileKv / 2; ++i) {
      const int row = row0 + ((i >> 1) & 1) * 8;
      const int column = 8 * (i / 4) + 2 * (lane & 3) + (i & 1);
      s[i] = mask.visible(row, column) & !at.empty ? s[i] : -INFINITY;
    }
  }
}

// Turn-taking of ping-pong: a consumer waits for its turn, issues, and passes the turn on.
template <class Config>
struct Turns {
  static constexpr bool kActive = Config::kPingPong && Config::kConsumers > 1;
  static constexpr int kFirstId = 1;
  int me;
  __device__ __forceinline__ void start() const {
    if constexpr (kActive) {
      if (me == Config::kConsumers - 1) pass();
    }
  }
  __device__ __forceinline__ void wait() const {
    if constexpr (kActive) named_barrier_sync(kFirstId + me, 2 * kWarpgroupThreads);
  }
  __device__ __forceinline__ void pass() const {
    if constexpr (kActive) {
      named_barrier_arrive(kFirstId + (me + 1 == Config::kConsumers ? 0 : me + 1), 2 * kWarpgroupThreads);
    }
  }
};

// Memory rows of the slots of a query tile, as sm80's epilogues index them.
template <class Config, class Map>
struct TileRows {
  const Map& map;
  const WorkItem& item;
  __device__ __forceinline__ int operator[](int slot) const { return map.template row<Config::kTileQ>(item, item.q_tile, slot); }
};

// Finishes the output and lets the epilogue add to it: the accumulators of wgmma are those of mma.m16n8, 8 columns at a
// time. row0: slot of the warp's first row.
template <class Config, class Element, class Policy, class Epilogue>
__device__ __forceinline__ void apply_epilogue(const ForwardParams<Policy, Epilogue>& p, const WorkItem& item,
                                               float (&o)[Config::kHeadDim / 2], float (&factor)[2], int row0) {
  float acc[1][Config::kHeadDim / 8][4];
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 2; ++i) acc[0][i / 4][i % 4] = o[i] * factor[(i >> 1) & 1];
  const TileRows<Config, decltype(p.policy.q_map)> rows{p.policy.q_map, item};
  p.epilogue.template apply<Element, 1>(item, rows, row0, 0, acc);
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 2; ++i) o[i] = acc[0][i / 4][i % 4];
  factor[0] = factor[1] = 1.0f;
}

// Leaves a partial result in the workspace. row: of this thread's first row in the tile.
template <class Config>
__device__ __forceinline__ void store_partial(const Partials& partials, int number, const float (&o)[Config::kHeadDim / 2],
                                              const float (&factor)[2], const float (&lse)[2], int row) {
  const int lane = threadIdx.x & 31;
  const std::int64_t first = static_cast<std::int64_t>(number) * Config::kTileQ + row;
  float* const to = partials.o + first * Config::kHeadDim + 2 * (lane & 3);
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 2; i += 2) {
    const int r = (i >> 1) & 1;
    *reinterpret_cast<float2*>(to + 8 * r * Config::kHeadDim + 8 * (i / 4)) =
        make_float2(o[i] * factor[r], o[i + 1] * factor[r]);
  }
  if ((lane & 3) == 0) {
    partials.lse[first] = lse[0];
    partials.lse[first + 8] = lse[1];
  }
}

template <class Config, class Element, class Policy, class Epilogue>
__device__ __forceinline__ void consume(const ForwardParams<Policy, Epilogue>& p, SmemAddress smem, Seat<Config> seat, int me) {
  Cursor<Config, Policy> now;
  now.load(p, seat.worker);
  if (!now.valid()) return;

  const int lane = threadIdx.x & 31, warp = (threadIdx.x >> 5) & 3;
  const int row_in_tile = seat.rank * Config::kCtaQ + me * kRowsPerConsumer + warp * 16 + lane / 4;
  const SmemAddress q_base = smem + Config::kQOffset + me * Config::kQConsumerBytes;
  const Turns<Config> turns{me};
  RingPosition<Config::kQStages> q_at, q_next;
  RingPosition<Config::kKStages> k_at;
  RingPosition<Config::kVStages> v_at;
  float s[Config::kTileKv / 2], o[Config::kHeadDim / 2];
  std::uint32_t probabilities[Config::kTileKv / 4];
  RowState row;
  float alpha[2] = {1.0f, 1.0f};

  // Descriptors of the first stages; a stage's is a multiple of its size further on.
  const std::uint64_t q_first = matrix_descriptor(q_base, 16);
  const std::uint64_t k_first = matrix_descriptor(smem + Config::kKOffset, 16);
  const std::uint64_t v_first = matrix_descriptor(smem + Config::kVOffset, Config::kKvChunkBytes);
  auto q_stage = [&](int stage) { return descriptor_offset(q_first, stage * Config::kQStageBytes); };
  auto k_stage = [&] { return descriptor_offset(k_first, k_at.stage * Config::kKvStageBytes); };
  auto v_stage = [&] { return descriptor_offset(v_first, v_at.stage * Config::kKvStageBytes); };
  auto finish = [&](const WorkItem& item, RowState& done) {
    float factor[2];
    finish_rows(done, factor);
    if constexpr (!std::is_same_v<Epilogue, sm80::PlainOutput>)
      apply_epilogue<Config, Element>(p, item, o, factor, row_in_tile - lane / 4);
    if constexpr (kSplitsTail<Config, Policy>) {
      if (item.partial >= 0) {
        const float lse[2] = {log_sum_exp(done, 0, p.scale), log_sum_exp(done, 1, p.scale)};
        store_partial<Config>(p.partials, item.partial, o, factor, lse, row_in_tile);
        __syncwarp();
        mbarrier_arrive_if(smem + Config::kOFull + 8 * (q_at.stage * Config::kConsumers + me), lane == 0);
        return;
      }
    }
    stage_output<Config, Element>(o, factor, q_base + q_at.stage * Config::kQStageBytes);
    __syncwarp();
    mbarrier_arrive_if(smem + Config::kOFull + 8 * (q_at.stage * Config::kConsumers + me), lane == 0);
    if (p.lse != nullptr && (lane & 3) == 0) {
      float* lse = p.lse + (static_cast<std::int64_t>(item.batch) * p.order.heads + item.head) * p.lse_rows;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int token = p.policy.q_map.template row<Config::kTileQ>(item, item.q_tile, row_in_tile + 8 * r);
        if (token != kNoRow) lse[token] = log_sum_exp(done, r, p.scale);
      }
    }
  };

  // The scores of an item's first step, with nothing else in flight.
  auto begin = [&](const Cursor<Config, Policy>& at) {
    mbarrier_wait(smem + Config::kQFull + 8 * q_at.stage, q_at.parity);
    mbarrier_wait(smem + Config::kKFull + 8 * k_at.stage, k_at.parity);
    pin(s);
    wgmma_fence();
    issue_scores<Config, Element>(s, q_stage(q_at.stage), k_stage());
    wgmma_wait<0>();
    pin(s);
    release<Config>(smem + Config::kKEmpty + 8 * k_at.stage);
    k_at.advance();
    row = RowState{};
    mask_scores<Config>(p, s, at, row_in_tile);
    softmax_step(s, row, alpha, p.scale_log2);
    pack_probabilities<Element>(s, probabilities);
  };
  // The values of an item's last step, and its output.
  auto end = [&](const Cursor<Config, Policy>& at, bool pass) {
    mbarrier_wait(smem + Config::kVFull + 8 * v_at.stage, v_at.parity);
    turns.wait();
    pin(o);
    pin(probabilities);
    wgmma_fence();
    issue_values<Config, Element>(o, probabilities, v_stage(),
                                  !at.first_step(), [&] {
                                    if (pass) turns.pass();
                                  });
    wgmma_wait<0>();
    pin(o);
    pin(probabilities);
    release<Config>(smem + Config::kVEmpty + 8 * v_at.stage);
    v_at.advance();
    finish(at.item, row);
  };

  bool k_ready = false; // asked for early: the answer takes 40 clocks
  // The scores of a step, `at`, beside the values of the step before it, which are the first of their item unless they
  // `accumulate`. kFree: `at` is of the same item and needs no mask.
  auto advance = [&](auto free, const Cursor<Config, Policy>& at, bool tile_done, int accumulate) {
    constexpr bool kFree = decltype(free)::value;
    const RingPosition<Config::kQStages> q_use = tile_done ? q_next : q_at;
    if (tile_done) mbarrier_wait(smem + Config::kQFull + 8 * q_use.stage, q_use.parity);
    if (!k_ready) mbarrier_wait(smem + Config::kKFull + 8 * k_at.stage, k_at.parity);

    turns.wait();
    pin(s);
    pin(o);
    pin(probabilities);
    wgmma_fence();
    issue_scores<Config, Element>(s, q_stage(q_use.stage), k_stage());
    mbarrier_wait(smem + Config::kVFull + 8 * v_at.stage, v_at.parity);
    wgmma_fence();
    issue_values<Config, Element>(o, probabilities, v_stage(), accumulate, [&] { turns.pass(); });

    wgmma_wait<1>();
    pin(s);
    release<Config>(smem + Config::kKEmpty + 8 * k_at.stage);
    k_at.advance();
    RowState done = row;
    if (tile_done) row = RowState{};
    if constexpr (!kFree) mask_scores<Config>(p, s, at, row_in_tile);
    const bool rescale = update_maximum(s, row, alpha, p.scale_log2);
    // The product with V ends while the first part is exponentiated; the exponentials of the rest hide conversions, sums and
    // bookkeeping.
    exponentiate<0, Config::kFirstPart>(s, row, p.scale_log2);
    if constexpr (Config::kFirstPart == Config::kTileKv / 2) compute_before(row.sum[0] + row.sum[1]);

    wgmma_wait<0>();
    pin(o);
    pin(probabilities);
    release<Config>(smem + Config::kVEmpty + 8 * v_at.stage);
    v_at.advance();
    if (tile_done) {
      finish(now.item, done);
      q_at = q_next;
      q_next.advance();
    } else if (rescale) {
#pragma unroll
      for (int i = 0; i < Config::kHeadDim / 2; ++i) o[i] *= alpha[(i >> 1) & 1];
    }
    k_ready = mbarrier_test(smem + Config::kKFull + 8 * k_at.stage, k_at.parity);
    pack_probabilities<Element, 0, Config::kFirstPart>(s, probabilities);
    exponentiate<Config::kFirstPart, Config::kTileKv / 2>(s, row, p.scale_log2);
    pack_probabilities<Element, Config::kFirstPart, Config::kTileKv / 2>(s, probabilities);
  };

  turns.start();
  q_next.advance();
  begin(now);

  while (true) {
    // Most steps are free: a loop of their own, without cursor, mask and change of item. In one loop behind branches, these
    // cost 4 % (741 against 773 TFLOP/s at 32760 keys, 12 heads, head dim 128).
    int accumulate = !now.first_step();
    if constexpr (Cursor<Config, Policy>::kKnowsFreeSteps) {
#pragma unroll 1
      for (int left = now.take_free_steps(p); left > 0; --left) {
        advance(std::true_type{}, now, false, accumulate);
        accumulate = 1;
      }
    }
    Cursor<Config, Policy> next = now;
    next.advance(p, seat.worker);
    if (!next.valid()) break;
    const bool tile_done = next.first_step();
    if constexpr (Config::kQStages == 1) {
      if (tile_done) {
        end(now, true);
        q_at.advance();
        begin(next);
        now = next;
        k_ready = false;
        continue;
      }
    }
    advance(std::false_type{}, next, tile_done, accumulate);
    now = next;
  }

  end(now, me + 1 < Config::kConsumers);
}

} // namespace fvattn::engine::sm90
