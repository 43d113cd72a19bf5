// The elementwise step of backward: probabilities recomputed from the log-sum-exp, and the gradient of the scores.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/mask.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

/// Scores to probabilities in place; lse2 is that of the lane's rows.
template <int kM, int kN8>
__device__ __forceinline__ void probabilities_from_lse(float (&scores)[kM][kN8][4], const float (&lse2)[kM][2],
                                                       float scale_log2) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN8; ++n) {
#pragma unroll
      for (int r = 0; r < 4; ++r) scores[m][n][r] = exp2_fast(fmaf(scores[m][n][r], scale_log2, -lse2[m][r / 2]));
    }
  }
}

/// d_p := p * (d_p - delta), the gradient of the scaled scores.
template <int kM, int kN8>
__device__ __forceinline__ void score_gradients(float (&d_p)[kM][kN8][4], const float (&p)[kM][kN8][4],
                                                const float (&delta)[kM][2]) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN8; ++n) {
#pragma unroll
      for (int r = 0; r < 4; ++r) d_p[m][n][r] = p[m][n][r] * (d_p[m][n][r] - delta[m][r / 2]);
    }
  }
}

/// Multiplies all accumulators.
template <int kM, int kN8>
__device__ __forceinline__ void scale_all(float (&acc)[kM][kN8][4], float factor) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN8; ++n) {
#pragma unroll
      for (int r = 0; r < 4; ++r) acc[m][n][r] *= factor;
    }
  }
}

}  // namespace fvattn::engine::sm80
