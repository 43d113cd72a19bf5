#include "reference.hpp"

#include <cmath>
#include <limits>

namespace fvattn::engine::sm80::test {

namespace {

double dot(const float* a, const float* b, int count) {
  double total = 0.0;
  for (int i = 0; i < count; ++i) total += static_cast<double>(a[i]) * b[i];
  return total;
}

}  // namespace

Reference reference_attention(const Shape& q_shape, const std::vector<float>& q, const Shape& kv_shape,
                              const std::vector<float>& k, const std::vector<float>& v, const std::vector<float>& d_o,
                              double scale, const Visible& visible) {
  const int columns = q_shape.columns, group = q_shape.heads / kv_shape.heads;
  const bool gradients = !d_o.empty();
  Reference out;
  out.o.assign(q_shape.size(), 0.0);
  out.lse.assign(static_cast<std::size_t>(q_shape.batch) * q_shape.heads * q_shape.rows,
                 -std::numeric_limits<double>::infinity());
  if (gradients) {
    out.d_q.assign(q_shape.size(), 0.0);
    out.d_k.assign(kv_shape.size(), 0.0);
    out.d_v.assign(kv_shape.size(), 0.0);
    out.d_q_noise.assign(q_shape.size(), 0.0);
    out.d_k_noise.assign(kv_shape.size(), 0.0);
  }
  std::vector<double> p(static_cast<std::size_t>(kv_shape.rows));
  for (int b = 0; b < q_shape.batch; ++b) {
    for (int h = 0; h < q_shape.heads; ++h) {
      for (int i = 0; i < q_shape.rows; ++i) {
        const std::size_t at_q = q_shape.index(b, i, h, 0);
        double top = -std::numeric_limits<double>::infinity();
        for (int j = 0; j < kv_shape.rows; ++j) {
          const bool sees = visible(b, h, i, j);
          p[j] = sees ? scale * dot(&q[at_q], &k[kv_shape.index(b, j, h / group, 0)], columns)
                      : -std::numeric_limits<double>::infinity();
          top = std::fmax(top, p[j]);
        }
        if (std::isinf(top)) continue;
        double sum = 0.0;
        for (double& score : p) sum += score = std::exp(score - top);
        out.lse[(static_cast<std::size_t>(b) * q_shape.heads + h) * q_shape.rows + i] = top + std::log(sum);
        for (int j = 0; j < kv_shape.rows; ++j) {
          if ((p[j] /= sum) == 0.0) continue;
          const std::size_t at_kv = kv_shape.index(b, j, h / group, 0);
          for (int c = 0; c < columns; ++c) out.o[at_q + c] += p[j] * v[at_kv + c];
        }
        if (!gradients) continue;
        double delta = 0.0, delta_noise = 0.0;
        for (int c = 0; c < columns; ++c) {
          delta += out.o[at_q + c] * d_o[at_q + c];
          delta_noise = std::hypot(delta_noise, out.o[at_q + c] * d_o[at_q + c]);
        }
        for (int j = 0; j < kv_shape.rows; ++j) {
          if (p[j] == 0.0) continue;
          const std::size_t at_kv = kv_shape.index(b, j, h / group, 0);
          const double d_s = scale * p[j] * (dot(&d_o[at_q], &v[at_kv], columns) - delta);
          for (int c = 0; c < columns; ++c) {
            out.d_v[at_kv + c] += p[j] * d_o[at_q + c];
            out.d_k[at_kv + c] += d_s * q[at_q + c];
            out.d_q[at_q + c] += d_s * k[at_kv + c];
            const double noise = scale * p[j] * delta_noise;
            out.d_q_noise[at_q + c] += noise * k[at_kv + c];
            out.d_k_noise[at_kv + c] = std::hypot(out.d_k_noise[at_kv + c], noise * q[at_q + c]);
          }
        }
      }
    }
  }
  return out;
}

double relative_error(const std::vector<float>& a, const std::vector<double>& b, const std::vector<double>& noise) {
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i] + (noise.empty() ? 0.0 : noise[i] * noise[i]);
  }
  return difference == 0.0 ? 0.0 : std::sqrt(difference / norm);
}

double largest_error(const std::vector<float>& a, const std::vector<double>& b, const std::vector<double>& noise) {
  double largest = 0.0, norm = 0.0;
  std::size_t nonzero = 0;  // rows that see no key are exact and say nothing about the size of the others
  for (std::size_t i = 0; i < b.size(); ++i) {
    largest = std::fmax(largest, std::fabs(a[i] - b[i]));
    norm += b[i] * b[i] + (noise.empty() ? 0.0 : noise[i] * noise[i]);
    nonzero += b[i] != 0.0;
  }
  return largest == 0.0 ? 0.0 : largest / std::sqrt(norm / static_cast<double>(nonzero));
}

}  // namespace fvattn::engine::sm80::test
