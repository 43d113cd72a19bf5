// What both forms of a backward consumer's loop work with: its part of d_q, and where it stands.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>

#include "fvattn/engine/sm90/backward_producer.cuh"
#include "fvattn/engine/sm90/backward_products.cuh"
#include "fvattn/engine/sm90/backward_scores.cuh"

namespace fvattn::engine::sm90 {

inline constexpr int kAllConsumers = 1; // named barrier

// A consumer's part of d_q of a query tile: kColumns columns from chunk `chunk` of 64 rows from `row`. Its floats in
// d_q_sum start at `offset`, in the order of the accumulators' registers.
template <class Config>
struct DqPart {
  int row, chunk, offset;
  __device__ __forceinline__ static DqPart of(int consumer) {
    if constexpr (Config::kSplitRows) return {consumer * 64, 0, consumer * 64 * Config::kChunks * kChunkColumns};
    return {0, consumer, consumer * 64 * kChunkColumns};
  }
};

// d_q_sum += dS K. kColumns: of a product; a consumer's part of d_q is one of them, or two with the columns of `chunk` on.
template <class Config, class Element, int kColumns>
struct QueryGradients {
  float d[kColumns / 2];

  __device__ __forceinline__ void issue(SmemAddress d_s, SmemAddress k, const DqPart<Config>& part, int chunk = 0) {
    pin(d);
    issue_query_products<Config, Element, kColumns>(d, d_s, k, part.row, part.chunk + chunk);
  }
  // kKept: in the L2 cache, rather than other lines.
  template <bool kKept>
  __device__ __forceinline__ void add(float* target, int chunk = 0) {
    pin(d);
    const int thread = threadIdx.x & (kWarpgroupThreads - 1);
#pragma unroll
    for (int i = 0; i < kColumns / 8; ++i) {
      const float values[4] = {d[4 * i], d[4 * i + 1], d[4 * i + 2], d[4 * i + 3]};
      sm80::atomic_add_fragment<kWarpgroupThreads, kKept>(target, chunk * (kChunkColumns / 8) + i, thread, values);
    }
  }
};

// A policy whose query tiles share rows has kSumsByRow: d_q is summed by row, into [heads, q_rows, kChunks * 64] floats.
template <class Policy>
concept SumsByRow = requires { requires Policy::kSumsByRow; };

// Where the two rows go of which this thread has parts. In each 16 columns of a row the sums lie in the order of the
// accumulators, so that a thread adds four floats at a time: columns 2 c and 2 c + 1 of the first 8, then of the last 8, of
// lane c of four.
template <class Config>
struct RowSums {
  int rows[2];

  template <class Policy>
  __device__ __forceinline__ void ask(const Policy& policy, const WorkItem& item, const DqPart<Config>& part) {
    const int thread = threadIdx.x & (kWarpgroupThreads - 1), slot = part.row + thread / 32 * 16 + thread % 32 / 4;
#pragma unroll
    for (int i = 0; i < 2; ++i)
      rows[i] = policy.q_map.template row<Config::kTileQ>(item, item.q_tile, slot + 8 * i);
  }
  template <class Element, int kColumns>
  __device__ __forceinline__ void add(QueryGradients<Config, Element, kColumns>& d_q, float* head, int chunk) const {
    pin(d_q.d);
    float* const column = head + chunk * kChunkColumns + (threadIdx.x & 3) * 4;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      if (rows[i] == kNoRow) continue;
      float* const row = column + static_cast<long long>(rows[i]) * (Config::kChunks * kChunkColumns);
#pragma unroll
      for (int j = 0; j < kColumns / 16; ++j) {
        const float* const d = d_q.d + 8 * j + 2 * i;
        const float values[4] = {d[0], d[1], d[4], d[5]};
        sm80::atomic_add_fragment<1>(row + 16 * j, 0, 0, values);
      }
    }
  }
};

template <class Config, class Policy>
using BackwardMask = decltype(std::declval<const Policy&>().template mask<Config>(WorkItem{}, 0));

// Where a consumer stands.
template <class Config>
struct BackwardSeat {
  int key0;                 // slot of this thread's first key in the key tile
  SmemAddress keys, values; // this consumer's rows of K and V
  bool first_thread;        // of the warpgroup
  // With a KeyTileMask: whether the key tile hides a key, and whether this thread's two are keys.
  bool hides_keys = false, seen[2] = {true, true};

  // Of consumer `me` of the CTA of a key tile, once in its run.
  template <class Policy>
  __device__ __forceinline__ static BackwardSeat of(int me, SmemAddress smem, const Policy& policy, const WorkItem& kv) {
    const int thread = threadIdx.x & (kWarpgroupThreads - 1), first_key = me * Config::kKeysPerConsumer;
    BackwardSeat seat{first_key + thread / 32 * 16 + (thread & 31) / 4, smem + Config::kKOffset + first_key * 128,
                      smem + Config::kVOffset + first_key * 128, thread == 0};
    if constexpr (KeyTileMask<BackwardMask<Config, Policy>>) seat.ask(policy, kv);
    return seat;
  }
  template <class Policy>
  __device__ __forceinline__ void ask(const Policy& policy, const WorkItem& kv) {
    hides_keys = policy.template needs_mask<Config>(kv, kv.q_tile);
    const auto mask = policy.template mask<Config>(kv, kv.q_tile);
    seen[0] = mask.key_visible(key0);
    seen[1] = mask.key_visible(key0 + 8);
  }
};

// Probabilities of pairs that the policy hides become 0. query0: slot of their first query in the tile.
template <class Config, class Policy>
__device__ __forceinline__ void hide_pairs(const BackwardParams<Policy>& p, const WorkItem& item, const WorkItem& kv,
                                           const BackwardSeat<Config>& seat, int query0, float (&s)[Config::kSubQ / 2]) {
  if constexpr (KeyTileMask<BackwardMask<Config, Policy>>) {
    if (seat.hides_keys) hide_keys(s, seat.seen);
  } else if (p.policy.template needs_mask<Config>(item, kv.q_tile))
    hide(s, p.policy.template mask<Config>(item, kv.q_tile), query0, seat.key0);
}

} // namespace fvattn::engine::sm90
