// Attention between pooled blocks, sixteen query blocks at a time: scores, then probabilities.
#pragma once

#include "arguments.hpp"

#include <fvattn/engine/cpu/scratch.hpp>

#include <cmath>

namespace vsa::cpu {

/// Pooled tensors: means of the blocks, [batch, heads or kv heads, blocks, dim], of 16-bit types rounded to the type.
template <class E>
struct Pooled {
  Accumulate<E> *q = nullptr, *k = nullptr, *v = nullptr;

  static Pooled take(const fvattn_problem& p, int blocks, plugin::Workspace& workspace) {
    using T = Accumulate<E>;
    Pooled pooled;
    pooled.q = workspace.take<T>(p.batch * p.heads * blocks * p.head_dim);
    pooled.k = workspace.take<T>(p.batch * p.kv_heads * blocks * p.head_dim);
    pooled.v = workspace.take<T>(p.batch * p.kv_heads * blocks * p.v_head_dim);
    return pooled;
  }
  void compute(const fvattn_problem& p, const Blocks& blocks, const plugin::Call& call) const {
    means(p, blocks, view<const E>(call.in("q")), p.heads, p.head_dim, q);
    means(p, blocks, view<const E>(call.in("k")), p.kv_heads, p.head_dim, k);
    means(p, blocks, view<const E>(call.in("v")), p.kv_heads, p.v_head_dim, v);
  }

 private:
  static void means(const fvattn_problem& p, const Blocks& blocks, const TensorView<const E>& from, int heads, int width,
                    Accumulate<E>* to) {
    using T = Accumulate<E>;
    for_each_block(p.batch, heads, blocks.count, [&](int batch, int head, int block) {
      T line[256];
      T* sum = to + ((int64_t{batch} * heads + head) * blocks.count + block) * width;
      std::fill_n(sum, width, T{0});
      for_each_row(blocks, block, [&](int row) {
        engine::cpu::convert_row(from.row(batch, row, head), line, width);
        for (int d = 0; d < width; ++d) sum[d] += line[d];
      });
      const auto size = static_cast<T>(blocks.sizes[static_cast<size_t>(block)]);
      for (int d = 0; d < width; ++d) sum[d] /= size;
      if constexpr (!std::is_same_v<E, T>) {
        E rounded[256];
        engine::cpu::convert_row(sum, rounded, width);
        engine::cpu::convert_row(rounded, sum, width);
      }
    });
  }
};

/// The scores of a group of query blocks of one head with every key block, in this thread's Scratch.
template <class E>
class CoarseScores {
 public:
  using T = Accumulate<E>;
  static constexpr int kGroup = 16;  // columns of a matrix: a whole vector on every machine

  CoarseScores(const fvattn_problem& p, int blocks, const Pooled<E>& pooled)
      : p_(p),
        pooled_(pooled),
        blocks_(blocks),
        scratch_(bytes()),
        columns_(scratch_.template take<T>(width() * kGroup)),
        product_(scratch_.template take<T>(width() * kGroup)),
        scores_(scratch_.template take<T>(matrix())),
        other_(scratch_.template take<T>(matrix())),
        max_(scratch_.template take<T>(kGroup)),
        sum_(scratch_.template take<T>(kGroup)),
        rescale_(scratch_.template take<T>(kGroup)) {}

  static int groups(int blocks) { return engine::ceil_div(blocks, kGroup); }

  /// Query blocks [first, first + size()) of a head. For 16-bit types products and scaled products are rounded to the type.
  void compute(int batch, int head, int first) {
    m_ = engine::smaller(kGroup, blocks_ - first);
    kv_ = int64_t{batch} * p_.kv_heads + head / (p_.heads / p_.kv_heads);
    q_ = (int64_t{batch} * p_.heads + head) * blocks_ + first;
    load(pooled_.q + q_ * p_.head_dim, p_.head_dim);
    const auto scale = static_cast<T>(p_.scale);
    if constexpr (std::is_same_v<E, T>) {
      products(pooled_.k, p_.head_dim, scale, scores_);
    } else {
      products(pooled_.k, p_.head_dim, T{1}, scores_);
      for (int j = 0; j < blocks_; ++j) {
        round_row(scores_ + j * kGroup);
        for (int c = 0; c < kGroup; ++c) scores_[j * kGroup + c] *= scale;
        round_row(scores_ + j * kGroup);
      }
    }
  }
  int size() const { return m_; }
  /// Query block 0 of the group in [batch, heads, blocks], and the kv head in [batch, kv heads].
  int64_t first() const { return q_; }
  int64_t kv_head() const { return kv_; }
  /// [key block][kGroup]
  T* scores() { return scores_; }

  /// The scores become probabilities over the key blocks.
  void normalise() {
    const auto& simd = engine::cpu::kernels<T>();
    for (int c = 0; c < kGroup; ++c) max_[c] = -std::numeric_limits<T>::infinity(), sum_[c] = 0;
    simd.softmax(scores_, blocks_, m_, kGroup, nullptr, max_, sum_, rescale_);
    for (int c = 0; c < kGroup; ++c) rescale_[c] = c < m_ ? T{1} / sum_[c] : T{0};
    simd.scale_columns(scores_, blocks_, m_, kGroup, rescale_);
  }

  /// to[key block][c] = rows of the key side (k or v, `width` wide) times `queries` [size(), width].
  T* key_products(const T* key_side, const T* queries, int width) {
    load(queries, width);
    products(key_side, width, T{1}, other_);
    return other_;
  }
  /// to[c, :] = sum over key blocks of weights[key block][c] * key side's row.
  void weighted_sums(const T* weights, const T* key_side, int width, T* to) {
    std::fill_n(product_, width * kGroup, T{0});
    const T* rows = key_side + kv_ * blocks_ * width;
    engine::cpu::kernels<T>().accumulate(rows, width, weights, blocks_, width, m_, kGroup, nullptr, product_);
    for (int c = 0; c < m_; ++c)
      for (int d = 0; d < width; ++d) to[c * width + d] = product_[d * kGroup + c];
  }

 private:
  int width() const { return engine::larger(p_.head_dim, p_.v_head_dim); }
  int64_t matrix() const { return int64_t{blocks_} * kGroup; }
  std::size_t bytes() const {
    const auto of = [](int64_t count) { return engine::cpu::Scratch::bytes_of<T>(static_cast<std::size_t>(count)); };
    return 2 * of(width() * kGroup) + 2 * of(matrix()) + 3 * of(kGroup);
  }
  void load(const T* rows, int width) {
    std::fill_n(columns_, width * kGroup, T{0});
    for (int c = 0; c < m_; ++c)
      for (int d = 0; d < width; ++d) columns_[d * kGroup + c] = rows[c * width + d];
  }
  void products(const T* key_side, int width, T scale, T* to) {
    engine::cpu::kernels<T>().products(key_side + kv_ * blocks_ * width, width, columns_, blocks_, width, m_, kGroup, scale,
                                       to);
  }
  static void round_row(T* row) {
    E rounded[kGroup];
    engine::cpu::convert_row(row, rounded, kGroup);
    engine::cpu::convert_row(rounded, row, kGroup);
  }

  const fvattn_problem& p_;
  const Pooled<E>& pooled_;
  int blocks_, m_ = 0;
  int64_t q_ = 0, kv_ = 0;
  engine::cpu::Scratch scratch_;
  T *columns_, *product_, *scores_, *other_, *max_, *sum_, *rescale_;
};

}  // namespace vsa::cpu
