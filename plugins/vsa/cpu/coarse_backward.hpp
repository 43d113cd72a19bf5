// Gradients of the coarse branch between pooled blocks. No gradient goes through the selection.
#pragma once

#include "coarse_scores.hpp"

namespace vsa::cpu {

/// Gradients of the pooled tensors, and of the coarse result.
template <class E>
struct CoarseGradients {
  using T = Accumulate<E>;
  T *out = nullptr, *q = nullptr, *k = nullptr, *v = nullptr;

  static CoarseGradients take(const fvattn_problem& p, int blocks, plugin::Workspace& workspace) {
    const int64_t q_blocks = p.batch * p.heads * blocks, kv_blocks = p.batch * p.kv_heads * blocks;
    CoarseGradients gradients;
    gradients.out = workspace.take<T>(q_blocks * p.v_head_dim);
    gradients.q = workspace.take<T>(q_blocks * p.head_dim);
    gradients.k = workspace.take<T>(kv_blocks * p.head_dim);
    gradients.v = workspace.take<T>(kv_blocks * p.v_head_dim);
    return gradients;
  }
};

/// to[key block] += weights[key block][c] * rows[c], in order: the same bits every time.
template <class T>
void add_outer(const T* weights, int ld, int blocks, const T* rows, int m, int width, T* to) {
  for (int j = 0; j < blocks; ++j)
    for (int c = 0; c < m; ++c) {
      const T weight = weights[int64_t{j} * ld + c];
      for (int d = 0; d < width; ++d) to[int64_t{j} * width + d] += weight * rows[c * width + d];
    }
}

/// From gradients.out to the other three. One kv head at a time, over its query heads and their blocks.
template <class E>
void coarse_backward(const fvattn_problem& p, int blocks, const Pooled<E>& pooled, const CoarseGradients<E>& gradients) {
  using T = Accumulate<E>;
  constexpr int kGroup = CoarseScores<E>::kGroup;
  plugin::parallel_for(p.batch * p.kv_heads, 1, [&](int64_t lo, int64_t hi) {
    CoarseScores<E> coarse(p, blocks, pooled);
    const int group = p.heads / p.kv_heads;
    for (int64_t kv = lo; kv < hi; ++kv) {
      T *d_k = gradients.k + kv * blocks * p.head_dim, *d_v = gradients.v + kv * blocks * p.v_head_dim;
      std::fill_n(d_k, int64_t{blocks} * p.head_dim, T{0});
      std::fill_n(d_v, int64_t{blocks} * p.v_head_dim, T{0});
      const int batch = static_cast<int>(kv / p.kv_heads), head = static_cast<int>(kv % p.kv_heads) * group;
      for (int i = 0; i < group * CoarseScores<E>::groups(blocks); ++i) {
        coarse.compute(batch, head + i % group, i / group * kGroup);
        coarse.normalise();
        const T* d_out = gradients.out + coarse.first() * p.v_head_dim;
        const T* weights = coarse.scores();
        add_outer(weights, kGroup, blocks, d_out, coarse.size(), p.v_head_dim, d_v);
        T* d_scores = coarse.key_products(pooled.v, d_out, p.v_head_dim);
        T delta[kGroup] = {};
        for (int j = 0; j < blocks; ++j)
          for (int c = 0; c < kGroup; ++c) delta[c] += weights[j * kGroup + c] * d_scores[j * kGroup + c];
        for (int j = 0; j < blocks; ++j)
          for (int c = 0; c < kGroup; ++c) {
            T& d_score = d_scores[j * kGroup + c];
            d_score = weights[j * kGroup + c] * (d_score - delta[c]) * static_cast<T>(p.scale);
          }
        coarse.weighted_sums(d_scores, pooled.k, p.head_dim, gradients.q + coarse.first() * p.head_dim);
        add_outer(d_scores, kGroup, blocks, pooled.q + coarse.first() * p.head_dim, coarse.size(), p.head_dim, d_k);
      }
    }
  });
}

}  // namespace vsa::cpu
