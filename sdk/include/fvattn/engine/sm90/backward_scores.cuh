// The elementwise steps of backward on transposed scores: a thread holds two keys (rows) and columns of queries, as
// wgmma.cuh says.
#pragma once

#include <fvattn/engine/policy.hpp>

#include "fvattn/engine/sm90/arithmetic.cuh"
#include "fvattn/engine/sm90/backward_config.hpp"
#include "fvattn/engine/sm90/warpgroup.cuh"

namespace fvattn::engine::sm90 {

// Column of accumulator i for this lane.
__device__ __forceinline__ int query_slot(int i) { return 8 * (i / 4) + 2 * static_cast<int>(threadIdx.x & 3) + (i & 1); }

// This lane's row values of the queries of kCount scores: two adjacent queries each.
template <int kCount>
struct RowPairs {
  float2 of[kCount / 4];
  __device__ __forceinline__ explicit RowPairs(const float* rows) {
#pragma unroll
    for (int i = 0; i < kCount; i += 4) of[i / 4] = *reinterpret_cast<const float2*>(rows + query_slot(i));
  }
};

// Scores to probabilities, in place. lse2: the query tile's row values.
template <int kCount>
__device__ __forceinline__ void probabilities_from_lse(float (&s)[kCount], const RowPairs<kCount>& lse2, float scale_log2) {
#pragma unroll
  for (int i = 0; i < kCount; i += 4) {
    const float2 base = lse2.of[i / 4];
    s[i] = exp2_fast(fmaf(s[i], scale_log2, -base.x));
    s[i + 1] = exp2_fast(fmaf(s[i + 1], scale_log2, -base.y));
    s[i + 2] = exp2_fast(fmaf(s[i + 2], scale_log2, -base.x));
    s[i + 3] = exp2_fast(fmaf(s[i + 3], scale_log2, -base.y));
  }
}

// Probabilities of hidden pairs become 0. query0: slot of the scores' first query in its tile; key0: of this thread's
// first key.
template <class Mask, int kCount>
__device__ __forceinline__ void hide(float (&p)[kCount], const Mask& mask, int query0, int key0) {
  if constexpr (SeparableMask<Mask>) {
    const bool seen[2] = {mask.key_visible(key0), mask.key_visible(key0 + 8)};
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      p[i] = seen[(i >> 1) & 1] & mask.row_visible(query0 + query_slot(i)) ? p[i] : 0.0f;
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) p[i] = mask.visible(query0 + query_slot(i), key0 + ((i >> 1) & 1) * 8) ? p[i] : 0.0f;
  }
}

// The same for keys alone. seen: of this thread's first key and of the one 8 rows on.
template <int kCount>
__device__ __forceinline__ void hide_keys(float (&p)[kCount], const bool (&seen)[2]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) p[i] = seen[(i >> 1) & 1] ? p[i] : 0.0f;
}

// d_p := p * (d_p - delta), the gradient of the scaled scores.
template <int kCount>
__device__ __forceinline__ void score_gradients(float (&d_p)[kCount], const float (&p)[kCount], const RowPairs<kCount>& delta) {
#pragma unroll
  for (int i = 0; i < kCount; i += 4) {
    const float2 row = delta.of[i / 4];
    d_p[i] = p[i] * (d_p[i] - row.x);
    d_p[i + 1] = p[i + 1] * (d_p[i + 1] - row.y);
    d_p[i + 2] = p[i + 2] * (d_p[i + 2] - row.x);
    d_p[i + 3] = p[i + 3] * (d_p[i + 3] - row.y);
  }
}

// Writes this consumer's 64 keys x kSubQ queries as a swizzled chunk of rows of queries at `dst`.
template <class Config>
__device__ __forceinline__ void store_transposed(const std::uint32_t (&scores)[Config::kSubQ / 4], SmemAddress dst) {
  const int lane = threadIdx.x & 31, warp = (threadIdx.x >> 5) & 3;
  const int row = (lane >> 4) * 8 + (lane & 7);  // matrices 2 and 3: the next 8 queries
  const int piece = 2 * warp + ((lane >> 3) & 1); // matrices 1 and 3: the next 8 keys
#pragma unroll
  for (int i = 0; i < Config::kSubQ / 16; ++i)
    stmatrix_x4_transposed(dst + swizzled_offset(16 * i + row, piece), scores[4 * i], scores[4 * i + 1], scores[4 * i + 2],
                           scores[4 * i + 3]);
}

} // namespace fvattn::engine::sm90
