// How work is cut and ordered: host code, tested without a GPU. docs/performance.md has the measurements.
#pragma once

#include "fvattn/engine/sm90/work_order.hpp"

#include <algorithm>
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

} // namespace fvattn::engine::sm90
