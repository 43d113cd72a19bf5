// Exact attention in float64, straight from its definition: what a backend is compared with.
#pragma once

#include <fvattn/testing/tensor.hpp>

#include <functional>

namespace fvattn::testing {

/// One problem. heads is a multiple of kv_heads; query head h uses kv head h / (heads / kv_heads). `gap` puts unused
/// elements between the rows of every tensor.
struct Case {
  int64_t batch = 1, q_len = 1, kv_len = 1;
  int32_t heads = 1, kv_heads = 1, head_dim = 64, v_head_dim = 64;
  Dtype dtype = plugin::kF32;
  bool causal = false;
  double scale = 0; // 0: head_dim^-0.5
  int64_t gap = 0;
  /// What else a pair (batch entry, query head, query row, key) must satisfy: masks and sparse schedules. Null: nothing.
  std::function<bool(int64_t b, int64_t h, int64_t i, int64_t j)> visible = nullptr;

  double softmax_scale() const { return scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(head_dim)); }
  /// Bottom-right aligned.
  bool sees(int64_t b, int64_t h, int64_t i, int64_t j) const {
    return (!causal || j <= i + kv_len - q_len) && (!visible || visible(b, h, i, j));
  }
};

/// Row-major [batch, length, heads, dim] arrays.
struct Gradients {
  std::vector<double> q, k, v;
};
struct Reference {
  std::vector<double> o, lse; // lse [batch, heads, q_len]; a row that sees no key has o = 0 and lse = -inf
};

namespace internal {
/// Probabilities of one query row, and its lse.
inline double softmax_row(const Case& c, const double* q, const std::vector<double>& k, int64_t b, int64_t i, int64_t h,
                          std::vector<double>& p) {
  const double none = -std::numeric_limits<double>::infinity();
  const int64_t kh = h / (c.heads / c.kv_heads);
  double top = none, sum = 0;
  for (int64_t j = 0; j < c.kv_len; ++j) {
    double dot = 0;
    const double* row = k.data() + ((b * c.kv_len + j) * c.kv_heads + kh) * c.head_dim;
    for (int32_t d = 0; d < c.head_dim; ++d) dot += q[d] * row[d];
    p[static_cast<size_t>(j)] = c.sees(b, h, i, j) ? dot * c.softmax_scale() : none;
    top = std::max(top, p[static_cast<size_t>(j)]);
  }
  for (double& x : p) sum += x = top == none ? 0 : std::exp(x - top);
  if (sum > 0)
    for (double& x : p) x /= sum;
  return sum > 0 ? top + std::log(sum) : none;
}
}  // namespace internal

inline Reference reference_forward(const Case& c, const std::vector<double>& q, const std::vector<double>& k,
                                   const std::vector<double>& v) {
  Reference r;
  r.o.assign(static_cast<size_t>(c.batch * c.q_len * c.heads * c.v_head_dim), 0.0);
  r.lse.assign(static_cast<size_t>(c.batch * c.heads * c.q_len), 0.0);
  std::vector<double> p(static_cast<size_t>(c.kv_len));
  const int64_t group = c.heads / c.kv_heads;
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t i = 0; i < c.q_len; ++i)
      for (int64_t h = 0; h < c.heads; ++h) {
        const int64_t row = (b * c.q_len + i) * c.heads + h;
        const double lse = internal::softmax_row(c, q.data() + row * c.head_dim, k, b, i, h, p);
        r.lse[static_cast<size_t>((b * c.heads + h) * c.q_len + i)] = lse;
        double* o = r.o.data() + row * c.v_head_dim;
        for (int64_t j = 0; j < c.kv_len; ++j) {
          const int64_t at = ((b * c.kv_len + j) * c.kv_heads + h / group) * c.v_head_dim;
          for (int32_t d = 0; d < c.v_head_dim; ++d) o[d] += p[static_cast<size_t>(j)] * v[static_cast<size_t>(at + d)];
        }
      }
  return r;
}

/// d sum(o * d_o) / d (q, k, v).
inline Gradients reference_backward(const Case& c, const std::vector<double>& q, const std::vector<double>& k,
                                    const std::vector<double>& v, const std::vector<double>& d_o) {
  Gradients g{std::vector<double>(q.size()), std::vector<double>(k.size()), std::vector<double>(v.size())};
  std::vector<double> p(static_cast<size_t>(c.kv_len)), dp(p);
  const int64_t group = c.heads / c.kv_heads;
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t i = 0; i < c.q_len; ++i)
      for (int64_t h = 0; h < c.heads; ++h) {
        const int64_t row = (b * c.q_len + i) * c.heads + h;
        const double *q_row = q.data() + row * c.head_dim, *out = d_o.data() + row * c.v_head_dim;
        internal::softmax_row(c, q_row, k, b, i, h, p);
        double dot = 0;
        for (int64_t j = 0; j < c.kv_len; ++j) {
          const int64_t at = ((b * c.kv_len + j) * c.kv_heads + h / group) * c.v_head_dim;
          double& sum = dp[static_cast<size_t>(j)] = 0;
          for (int32_t d = 0; d < c.v_head_dim; ++d) {
            sum += out[d] * v[static_cast<size_t>(at + d)];
            g.v[static_cast<size_t>(at + d)] += p[static_cast<size_t>(j)] * out[d];
          }
          dot += sum * p[static_cast<size_t>(j)];
        }
        for (int64_t j = 0; j < c.kv_len; ++j) {
          const double ds = p[static_cast<size_t>(j)] * (dp[static_cast<size_t>(j)] - dot) * c.softmax_scale();
          const int64_t at = ((b * c.kv_len + j) * c.kv_heads + h / group) * c.head_dim;
          for (int32_t d = 0; d < c.head_dim; ++d) {
            g.q[static_cast<size_t>(row * c.head_dim + d)] += ds * k[static_cast<size_t>(at + d)];
            g.k[static_cast<size_t>(at + d)] += ds * q_row[d];
          }
        }
      }
  return g;
}

/// ||a - b|| / ||b|| (||a|| when b is 0); NaN when anything is.
inline double relative_l2(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(norm > 0 ? difference / norm : difference);
}

}  // namespace fvattn::testing
