// The element mask of a policy, applied to accumulators.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

/// Accumulators of hidden pairs become `value`. `row0` and `column0` are the warp's first query and key slots. Masks that
/// factor are asked once a row and once a column.
template <class Mask, int kM, int kN8>
__device__ __forceinline__ void replace_hidden(float (&acc)[kM][kN8][4], const Mask& mask, int row0, int column0,
                                               float value, int thread = fresh_thread_index()) {
  const int first_row = row0 + accumulator_row(thread % kLanes, 0);
  const int first_column = column0 + accumulator_column(thread % kLanes, 0);
  if constexpr (SeparableMask<Mask>) {
    bool row_visible[kM][2];
#pragma unroll
    for (int m = 0; m < kM; ++m) {
      row_visible[m][0] = mask.row_visible(first_row + m * kFragment);
      row_visible[m][1] = mask.row_visible(first_row + m * kFragment + 8);
    }
#pragma unroll
    for (int n = 0; n < kN8; ++n) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const bool key_visible = mask.key_visible(first_column + n * 8 + e);
#pragma unroll
        for (int m = 0; m < kM; ++m) {
          if (!(key_visible && row_visible[m][0])) acc[m][n][e] = value;
          if (!(key_visible && row_visible[m][1])) acc[m][n][2 + e] = value;
        }
      }
    }
  } else {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int n = 0; n < kN8; ++n) {
#pragma unroll
        for (int r = 0; r < 4; ++r) {
          if (!mask.visible(first_row + m * kFragment + r / 2 * 8, first_column + n * 8 + r % 2)) acc[m][n][r] = value;
        }
      }
    }
  }
}

}  // namespace fvattn::engine::sm80
