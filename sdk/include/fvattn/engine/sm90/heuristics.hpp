// How work is cut and ordered: host code, tested without a GPU. docs/performance.md has the measurements.
#pragma once

#include "fvattn/engine/sm90/work_order.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace fvattn::engine::sm90 {

// Share of the L2 cache that the K and V of the heads in flight may take; the rest is for Q, O and other work.
inline constexpr double kL2Share = 0.65;

// Clusters that should read one head at the same time at least: they sweep its keys in step and share the fill.
inline constexpr int kMinSharing = 8;

// The order of q_tiles * heads * batch items over `workers` clusters. Heads in flight together share the L2 cache.
inline WorkOrder plan_work(int q_tiles, int heads, int kv_heads, int batch, std::int64_t kv_bytes_per_head, int l2_bytes,
                           int workers, bool longest_last) {
  WorkOrder order;
  order.q_tiles = q_tiles;
  order.heads = heads;
  order.total = q_tiles * heads * batch;
  order.workers = std::max(1, std::min(workers, order.total));
  order.longest_last = longest_last;
  const std::int64_t fitting = std::max<std::int64_t>(1, static_cast<std::int64_t>(kL2Share * l2_bytes) / std::max<std::int64_t>(1, kv_bytes_per_head));
  std::int64_t group = fitting * (heads / kv_heads); // query heads of one kv head share its keys
  // Unequal tiles balance over the workers only if a group holds many of each length.
  if (longest_last) group = std::max<std::int64_t>(group, workers / kMinSharing);
  order.group = static_cast<int>(std::min<std::int64_t>(group, std::int64_t{heads} * batch));
  return order;
}

// Parts into which the items of a last, short round are cut by keys, so that more workers have some: 1 where that is not
// worth it. The other rounds are full, and all items cost the same. A part costs a thirtieth of an item besides its keys.
inline int tail_parts(int items, int workers, int kv_tiles) {
  constexpr int kMostParts = 4, kFewestSteps = 16;
  constexpr double kPartCost = 1.0 / 30, kWorthwhile = 0.99;
  const int rest = items % workers;
  if (rest == 0) return 1;
  const double full = items / workers;
  int best = 1;
  double least = (full + 1) * kWorthwhile;
  for (int parts = 2; parts <= kMostParts && kv_tiles / parts >= kFewestSteps; ++parts) {
    const int rounds = (rest * parts + workers - 1) / workers;
    const double cost = full + rounds * (1.0 / parts + kPartCost);
    if (cost >= least) continue;
    least = cost;
    best = parts;
  }
  return best;
}

inline void cut_tail(WorkOrder& order, int kv_tiles) {
  order.parts = tail_parts(order.total, order.workers, kv_tiles);
  order.whole = order.total / order.workers * order.workers;
}

// Where the results of a cut tail lie in the workspace of a call, in floats.
template <class Config>
struct TailSizes {
  std::int64_t rows;
  explicit TailSizes(const WorkOrder& order)
      : rows(order.parts > 1 ? std::int64_t{order.total - order.whole} * order.parts * Config::kTileQ : 0) {}
  std::int64_t outputs() const { return rows * Config::kHeadDim; }
  std::size_t bytes() const { return static_cast<std::size_t>(outputs() + rows) * sizeof(float); }
};

// Workspace with which a dense call cuts its tail (ForwardArgs::workspace); 0: it has none to cut.
template <class Config>
std::size_t tail_bytes(int q_tokens, int kv_tokens, int heads, int batch, int sm_count) {
  if (Config::kCluster > 1) return 0;
  WorkOrder order;
  order.total = (q_tokens + Config::kTileQ - 1) / Config::kTileQ * heads * batch;
  order.workers = std::max(1, std::min(sm_count * Config::kCtasPerSm, order.total));
  cut_tail(order, (kv_tokens + Config::kTileKv - 1) / Config::kTileKv);
  return TailSizes<Config>(order).bytes();
}

} // namespace fvattn::engine::sm90
