// What the forward kernel is launched with.
#pragma once

#include <cuda.h>

#include <fvattn/engine/sm80/epilogue.cuh>

#include <cstdint>

#include "fvattn/engine/sm90/view_maps.cuh"
#include "fvattn/engine/sm90/work_order.hpp"

namespace fvattn::engine::sm90 {

// Results of items that share a query tile (WorkItem::partial), in the workspace of a call: [partial][row of the tile].
struct Partials {
  float* o;   // times kHeadDim of the kernel, divided by the sum
  float* lse; // natural log
};

// Passed as a __grid_constant__ parameter, since TMA reads the tensor maps from there.
template <class Policy, class Epilogue = sm80::PlainOutput>
struct ForwardParams {
  using QMaps = ViewMaps<decltype(Policy::q_map)>;
  using KvMaps = ViewMaps<decltype(Policy::kv_map)>;
  static constexpr bool kHasBatch = QMaps::kHasBatch && KvMaps::kHasBatch; // otherwise the launch is for one batch entry

  QMaps q;
  KvMaps k, v;
  QMaps o;
  Policy policy;
  WorkOrder order;
  float* lse; // [batch, heads, lse_rows] natural log, or null
  int lse_rows;
  int heads_per_kv_head;
  float scale;      // softmax scale, > 0
  float scale_log2; // scale * log2(e)
  int batch_entry;  // of the launch, without kHasBatch
  Epilogue epilogue;
  Partials partials;

  // Item of a worker's slot, or false past the end. Policies whose items only the device can count have a work_item().
  FVATTN_BOTH bool item(int worker, int slot, WorkItem& out) const {
    if constexpr (requires { policy.work_item(slot, out); }) return policy.work_item(slot * order.workers + worker, out);
    const bool found = order.template item<deal_of<Policy>()>(worker, slot, out);
    if constexpr (!kHasBatch) out.batch = batch_entry;
    return found;
  }
  // The batch coordinate of a copy.
  FVATTN_BOTH static int batch_of(const WorkItem& item) { return kHasBatch ? item.batch : 0; }
};

} // namespace fvattn::engine::sm90
