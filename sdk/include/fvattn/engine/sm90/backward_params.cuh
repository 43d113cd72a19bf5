// What the backward kernel is launched with.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/epilogue.cuh>

#include "fvattn/engine/sm90/view_maps.cuh"

namespace fvattn::engine::sm90 {

// Passed as a __grid_constant__ parameter, since TMA reads the tensor maps from there.
template <class Policy>
struct BackwardParams {
  using QMaps = ViewMaps<decltype(Policy::q_map)>;
  using KvMaps = ViewMaps<decltype(Policy::kv_map)>;
  static constexpr bool kHasBatch = QMaps::kHasBatch && KvMaps::kHasBatch; // otherwise the launch is for one batch entry

  QMaps q, d_o;
  KvMaps k, v, d_k, d_v;
  Policy policy;
  const float *lse2, *delta; // [batch, heads, q_rows]: lse in base 2, +inf for a row without keys; rowsum(d_o * o)
  float* d_q_sum;            // [batch, heads, q_tiles] tiles of Config::kDqTileFloats, in the order of d_q_part
  int q_rows, heads, q_tiles, kv_tiles, kv_heads;
  int batch_entry; // of the launch, without kHasBatch
  float scale, scale_log2;

  // Where the values of the rows of a query head start.
  FVATTN_BOTH long long rows_of(const WorkItem& item) const {
    return (static_cast<long long>(item.batch) * heads + item.head) * q_rows;
  }
  // The batch coordinate of a copy.
  FVATTN_BOTH static int batch_of(const WorkItem& item) { return kHasBatch ? item.batch : 0; }
  // The key tile of CTA `index`, its head a kv head. Tiles of a head are neighbours in time: they read the same queries.
  // A policy with another order has kv_order(batch entry, index); its maps have no batch.
  FVATTN_BOTH WorkItem kv_item(int index) const {
    if constexpr (requires { policy.kv_order(batch_entry, index); }) index = policy.kv_order(batch_entry, index);
    const int heads_before = index / kv_tiles, entry = heads_before / kv_heads;
    return {index - heads_before * kv_tiles, heads_before - entry * kv_heads, kHasBatch ? entry : batch_entry};
  }
};

template <class Policy, class Epilogues>
struct BackwardCall : BackwardParams<Policy> {
  Epilogues epilogues; // sm80's epilogue.cuh describes them
};

} // namespace fvattn::engine::sm90
