// What the gathering backward kernel is launched with: no tensor maps, since all rows are gathered.
#pragma once

#include "sm90_gradients.hpp"

#include <fvattn/engine/sm90/backward_params.cuh>

namespace fvattn::engine::sm90 {

template <>
struct ViewMaps<::vmoba::gpu::ListedRows> {
  static constexpr bool kHasBatch = false;
};
template <>
struct ViewMaps<::vmoba::gpu::ChunkMap> {
  static constexpr bool kHasBatch = false;
};

}  // namespace fvattn::engine::sm90

namespace vmoba::gpu {

namespace sm80 = engine::sm80;
namespace sm90 = engine::sm90;

/// Of one batch entry.
struct GatheredGradients : sm90::BackwardParams<Sm90Gradients> {
  sm80::ConstTensor queries, d_outputs, keys, values;
  sm80::MutableTensor d_keys, d_values;
  int head_dim;
};

/// The item whose rows the key tile has: a query head, as lists count them.
FVATTN_BOTH engine::WorkItem rows_of_keys(const GatheredGradients& p, const engine::WorkItem& kv) {
  return {kv.q_tile, kv.head * (p.heads / p.kv_heads), 0};
}

}  // namespace vmoba::gpu
