// What a consumer does with a finished tile: divide by the row sums, write LSE, stage the output for the store warp.
#pragma once

#include "fvattn/engine/sm90/forward_config.hpp"
#include "fvattn/engine/sm90/softmax.cuh"
#include "fvattn/engine/sm90/tma.cuh"
#include "fvattn/engine/sm90/warpgroup.cuh"

namespace fvattn::engine::sm90 {

// Makes `row.sum` whole and returns the factors that finish the output. Rows without keys give 0.
__device__ __forceinline__ void finish_rows(RowState& row, float (&factor)[2]) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    row.sum[r] = quad_sum(row.sum[r]);
    factor[r] = row.sum[r] > 0.0f ? 1.0f / row.sum[r] : 0.0f;
  }
}

// Natural log of the sum of exponentials of row r; -inf without keys.
__device__ __forceinline__ float log_sum_exp(const RowState& row, int r, float scale) {
  return row.sum[r] > 0.0f ? row.maximum[r] * scale + __logf(row.sum[r]) : -INFINITY;
}

// Writes the 64 x kHeadDim tile of a consumer as swizzled chunks at `dst`, its own part of the query stage.
template <class Config, class Element>
__device__ __forceinline__ void stage_output(const float (&o)[Config::kHeadDim / 2], const float (&factor)[2],
                                             SmemAddress dst) {
  const int lane = threadIdx.x & 31, warp = (threadIdx.x >> 5) & 3;
  const int row = warp * 16 + (lane & 15); // matrices 0 and 2: rows 0-7, 1 and 3: rows 8-15
  const int half = lane >> 4;              // matrices 2 and 3: the next 8 columns
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 16; ++i) {
    const int chunk = i / 4, piece = (i % 4) * 2 + half;
    const float* v = o + 8 * i;
    stmatrix_x4(dst + chunk * Config::kQChunkBytes + swizzled_offset(row, piece),
                pack<Element>(v[0] * factor[0], v[1] * factor[0]), pack<Element>(v[2] * factor[1], v[3] * factor[1]),
                pack<Element>(v[4] * factor[0], v[5] * factor[0]), pack<Element>(v[6] * factor[1], v[7] * factor[1]));
  }
  async_proxy_fence();
}

} // namespace fvattn::engine::sm90
