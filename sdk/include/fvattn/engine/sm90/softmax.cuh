// Online softmax of one warpgroup's scores, in the register layout of wgmma accumulators: a thread holds columns of
// two rows (wgmma.cuh), a row is spread over the four threads of a quad.
#pragma once

#include "fvattn/engine/sm90/arithmetic.cuh"

#include <cmath>
#include <cstdint>

namespace fvattn::engine::sm90 {

// The running maximum may lag behind the true one by this much, in log2 units: probabilities then reach 2^8, harmless
// in bfloat16, float16 and the float32 sums, and the accumulators are rescaled a few times instead of every step.
inline constexpr float kRescaleThreshold = 8.0f;

// Of the two rows of a thread. `maximum` is in units of raw scores, `sum` is this thread's part only.
struct RowState {
  float maximum[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0f, 0.0f};
};

__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xFFFFFFFFu, x, 2));
}

__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(0xFFFFFFFFu, x, 1);
  return x + __shfl_xor_sync(0xFFFFFFFFu, x, 2);
}

// The subtrahend of a row's exponents; 0 for a row that has seen no key, whose scores are all -inf.
__device__ __forceinline__ float row_base(float maximum, float scale_log2) {
  return maximum == -INFINITY ? 0.0f : maximum * scale_log2;
}

// Raises the running maxima to those of `s`, unless they lag within the threshold. True when the output accumulated so far
// must be multiplied by `alpha` (uniform over the warp). scale_log2 > 0.
template <int kCount>
__device__ __forceinline__ bool update_maximum(const float (&s)[kCount], RowState& row, float (&alpha)[2], float scale_log2) {
  float top[2][2] = {{s[0], s[1]}, {s[2], s[3]}};
#pragma unroll
  for (int i = 4; i < kCount; ++i) top[(i >> 1) & 1][i & 1] = fmaxf(top[(i >> 1) & 1][i & 1], s[i]);
  float next[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) next[r] = fmaxf(row.maximum[r], quad_max(fmaxf(top[r][0], top[r][1])));

  const bool rescale = __any_sync(0xFFFFFFFFu, (next[0] - row.maximum[0]) * scale_log2 > kRescaleThreshold ||
                                                   (next[1] - row.maximum[1]) * scale_log2 > kRescaleThreshold);
  if (rescale) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      alpha[r] = exp2_fast(row.maximum[r] * scale_log2 - row_base(next[r], scale_log2));
      row.sum[r] *= alpha[r];
      row.maximum[r] = next[r];
    }
  }
  return rescale;
}

// Turns the scores s[kBegin] to s[kEnd - 1] into probabilities relative to the running maxima, in place, and adds them up.
template <int kBegin, int kEnd, int kCount>
__device__ __forceinline__ void exponentiate(float (&s)[kCount], RowState& row, float scale_log2) {
  const float base[2] = {row_base(row.maximum[0], scale_log2), row_base(row.maximum[1], scale_log2)};
  float sum[2][2] = {{row.sum[0], 0.0f}, {row.sum[1], 0.0f}};
#pragma unroll
  for (int i = kBegin; i < kEnd; ++i) {
    const int r = (i >> 1) & 1;
    s[i] = exp2_fast(fmaf(s[i], scale_log2, -base[r]));
    sum[r][i & 1] += s[i];
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) row.sum[r] = sum[r][0] + sum[r][1];
}

// All of a step's scores at once.
template <int kCount>
__device__ __forceinline__ bool softmax_step(float (&s)[kCount], RowState& row, float (&alpha)[2], float scale_log2) {
  const bool rescale = update_maximum(s, row, alpha, scale_log2);
  exponentiate<0, kCount>(s, row, scale_log2);
  return rescale;
}

// Probabilities as the A operand of the second product: two adjacent accumulators become one register, in order.
template <class Element, int kBegin = 0, int kEnd = -1, int kCount>
__device__ __forceinline__ void pack_probabilities(const float (&s)[kCount], std::uint32_t (&p)[kCount / 2]) {
#pragma unroll
  for (int i = kBegin / 2; i < (kEnd < 0 ? kCount : kEnd) / 2; ++i) p[i] = pack<Element>(s[2 * i], s[2 * i + 1]);
}

} // namespace fvattn::engine::sm90
