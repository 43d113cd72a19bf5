// Online softmax of the rows a warp owns (Milakov and Gimelshein; FlashAttention-2's form): probabilities in base 2
// with the scale folded into one multiply-add.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

#include <cmath>

namespace fvattn::engine::sm80 {

inline constexpr float kLog2E = 1.4426950408889634f;
inline constexpr float kLn2 = 0.6931471805599453f;
/// The reference maximum of a row is replaced only when the row grows past it by this many powers of two, so that most
/// steps skip the rescale of the output (the rule of FlashAttention-4). Probabilities up to 2^8 are harmless in both
/// 16-bit types, and the final division takes the factor out.
inline constexpr float kRescaleThreshold = 8.0f;

/// Rows [16-row block][0: row lane/4, 1: eight below].
template <int kM>
struct OnlineSoftmax {
  float reference[kM][2];  // maximum that the sums and the output refer to, unscaled; -inf before the first key
  float sum[kM][2];        // of this lane's columns only, until finish()

  __device__ __forceinline__ void start() {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        reference[m][i] = -INFINITY;
        sum[m][i] = 0.0f;
      }
    }
  }

  /// Scores (hidden ones are -inf) to probabilities, rounded, as the A operand of P V (the layout of pack_blocks); rescales
  /// `out` where the reference moved.
  template <class Element, int kN8, int kOutN8>
  __device__ __forceinline__ void update(const float (&scores)[kM][kN8][4], std::uint32_t (&rounded)[kM][kN8 / 2][4],
                                         float (&out)[kM][kOutN8][4], float scale_log2) {
    float factor[kM][2];
    bool moved = false;
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float top = fmaxf(scores[m][0][2 * i], scores[m][0][2 * i + 1]);
#pragma unroll
        for (int n = 1; n < kN8; ++n) top = fmaxf(top, fmaxf(scores[m][n][2 * i], scores[m][n][2 * i + 1]));
        top = fmaxf(top, warp_shuffle_xor(top, 1));
        top = fmaxf(top, warp_shuffle_xor(top, 2));
        // From -inf to -inf the difference is NaN: not a move.
        const bool grows = (top - reference[m][i]) * scale_log2 > kRescaleThreshold;
        factor[m][i] = grows ? exp2_fast((reference[m][i] - top) * scale_log2) : 1.0f;
        reference[m][i] = grows ? top : reference[m][i];
        moved |= grows;

        const float offset = reference[m][i] == -INFINITY ? 0.0f : reference[m][i] * scale_log2;
        float total = 0.0f;
#pragma unroll
        for (int n = 0; n < kN8; ++n) {
          const float low = exp2_fast(fmaf(scores[m][n][2 * i], scale_log2, -offset));
          const float high = exp2_fast(fmaf(scores[m][n][2 * i + 1], scale_log2, -offset));
          total += low;
          total += high;
          rounded[m][n / 2][n % 2 * 2 + i] = pack<Element>(low, high);
        }
        sum[m][i] = fmaf(sum[m][i], factor[m][i], total);
      }
    }
    if (warp_any(moved)) {
#pragma unroll
      for (int m = 0; m < kM; ++m) {
#pragma unroll
        for (int n = 0; n < kOutN8; ++n) {
#pragma unroll
          for (int r = 0; r < 4; ++r) out[m][n][r] *= factor[m][r / 2];
        }
      }
    }
  }

  /// Sums over the row's lanes, divides the output, and turns `sum` into the natural log-sum-exp. A row without keys
  /// gives 0 and -inf; NaN stays NaN.
  template <int kOutN8>
  __device__ __forceinline__ void finish(float (&out)[kM][kOutN8][4], float scale_log2) {
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        sum[m][i] += warp_shuffle_xor(sum[m][i], 1);
        sum[m][i] += warp_shuffle_xor(sum[m][i], 2);
        const float total = sum[m][i];
        const float inverse = total == 0.0f ? 0.0f : 1.0f / total;
        sum[m][i] = total == 0.0f ? -INFINITY : reference[m][i] * scale_log2 * kLn2 + logf(total);
#pragma unroll
        for (int n = 0; n < kOutN8; ++n) {
          out[m][n][2 * i] *= inverse;
          out[m][n][2 * i + 1] *= inverse;
        }
      }
    }
  }
};

}  // namespace fvattn::engine::sm80
