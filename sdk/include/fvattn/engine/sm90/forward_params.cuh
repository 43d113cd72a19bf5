// What the forward kernel is launched with.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "fvattn/engine/sm90/work_order.hpp"

namespace fvattn::engine::sm90 {

// Passed as a __grid_constant__ parameter, since TMA reads the tensor maps from there.
template <class Policy>
struct ForwardParams {
  CUtensorMap q, k, v, o;
  Policy policy;
  WorkOrder order;
  float* lse; // [batch, heads, lse_rows] natural log, or null
  int lse_rows;
  int heads_per_kv_head;
  float scale;      // softmax scale, > 0
  float scale_log2; // scale * log2(e)
};

} // namespace fvattn::engine::sm90
