// The choice of one query by the rule of selection/row.hpp: the same choice, sums in the same order.
#pragma once

#include "../selection/rule.hpp"
#include "../selection/shares.hpp"

#include <cmath>

namespace vmoba::gpu {

/// The gates of one query in the order of selection: by gate, falling, then by chunk.
struct Query {
  const float* gates;
  long long stride;
  int chunks, own;

  __device__ float gate(int chunk) const { return gates[chunk * stride]; }
  /// The best chunk behind `previous` (-1: of all), the own one left out; -1 when there is none.
  __device__ int next(int previous) const {
    const float limit = previous < 0 ? INFINITY : gate(previous);
    int best = -1;
    float most = -INFINITY;
    for (int c = 0; c < chunks; ++c) {
      const float g = gate(c);
      const bool behind = previous < 0 || g < limit || (g == limit && c > previous);
      if (c != own && behind && (best < 0 || g > most)) best = c, most = g;
    }
    return best;
  }
};

/// Chunks beside the own one that topk takes.
__device__ inline int others_of_topk(const Rule& rule, int chunks) {
  return rule.topk < 1 ? 0 : rule.topk - 1 < chunks - 1 ? static_cast<int>(rule.topk) - 1 : chunks - 1;
}

/// set(chunk) for the chosen ones, the own one among them.
template <class Set>
__device__ void choose_row(const Query& query, const Rule& rule, Set&& set) {
  const bool topk = rule.mode == SelectMode::topk;
  const int most = topk ? others_of_topk(rule, query.chunks) : query.chunks - 1;
  set(query.own);
  if (most == query.chunks - 1 && (topk || rule.threshold >= 1)) {
    for (int c = 0; c < query.chunks; ++c) set(c);
    return;
  }
  Shares shares;
  if (!topk) {
    for (int c = 0; c < query.chunks; ++c) shares.widen(query.gate(c));
    for (int c = 0; c < query.chunks; ++c) shares.add(query.gate(c), c == query.own);
  }
  const double remaining = topk ? 0 : shares.remaining(rule.threshold);
  double sum = 0;
  int chunk = -1;
  for (int i = 0; i < most; ++i) {
    chunk = query.next(chunk);
    set(chunk);
    sum += shares.norm(query.gate(chunk));
    if (!topk && shares.reached(sum, remaining)) break;
  }
}

}  // namespace vmoba::gpu
