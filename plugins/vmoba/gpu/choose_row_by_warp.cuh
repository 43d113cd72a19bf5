// choose_row() for a whole warp: the same choice, sums in the same order.
#pragma once

#include "choose_row.cuh"

namespace vmoba::gpu {

/// Query::next() by all lanes of a warp.
__device__ inline int next_by_warp(const Query& query, int previous, int lane) {
  const float limit = previous < 0 ? INFINITY : query.gate(previous);
  int best = -1;
  float most = -INFINITY;
  const auto join = [&](int c, float g) {
    if (c >= 0 && (best < 0 || g > most || (g == most && c < best))) best = c, most = g;
  };
  for (int c = lane; c < query.chunks; c += 32) {
    const float g = query.gate(c);
    const bool behind = previous < 0 || g < limit || (g == limit && c > previous);
    if (c != query.own && behind) join(c, g);
  }
  for (int by = 16; by > 0; by /= 2) {
    const int c = __shfl_xor_sync(0xffffffffu, best, by);
    join(c, __shfl_xor_sync(0xffffffffu, most, by));
  }
  return best;
}

/// set(chunk) for the chosen ones, the own one among them, in every lane.
template <class Set>
__device__ void choose_row_by_warp(const Query& query, const Rule& rule, int lane, Set&& set) {
  const bool topk = rule.mode == SelectMode::topk;
  const int most = topk ? others_of_topk(rule, query.chunks) : query.chunks - 1;
  set(query.own);
  Shares shares;
  if (!topk) {
    for (int c = 0; c < query.chunks; ++c) shares.widen(query.gate(c));
    // Divisions are dear: each lane has its own ones.
    for (int c0 = 0; c0 < query.chunks; c0 += 32) {
      const double mine = c0 + lane < query.chunks ? shares.norm(query.gate(c0 + lane)) : 0;
      for (int i = 0; i < 32 && c0 + i < query.chunks; ++i)
        shares.add_share(__shfl_sync(0xffffffffu, mine, i), c0 + i == query.own);
    }
  }
  const double remaining = topk ? 0 : shares.remaining(rule.threshold);
  double sum = 0;
  int chunk = -1;
  for (int i = 0; i < most; ++i) {
    chunk = next_by_warp(query, chunk, lane);
    set(chunk);
    sum += shares.norm(query.gate(chunk));
    if (!topk && shares.reached(sum, remaining)) break;
  }
}

}  // namespace vmoba::gpu
