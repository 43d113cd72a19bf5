// Attention in float64 over an explicit set of pairs.
#pragma once

#include "test_tensor.hpp"

#include <functional>
#include <vector>

namespace fvattn::engine::sm80::test {

/// Which pairs attend: (batch, query head, query row, key row).
using Visible = std::function<bool(int, int, int, int)>;

struct Reference {
  std::vector<double> o, lse;           // like q; [batch, q_heads, rows]
  std::vector<double> d_q, d_k, d_v;    // when d_o was given
  // The size of what a relative error of 1 in the elements of o does to d_q and d_k through delta: where these cancel to
  // zero (a row that sees one key), the rounding of o to 16 bit is all that is left.
  std::vector<double> d_q_noise, d_k_noise;
};

/// q [B, Sq, H, D], k, v [B, Sk, Hkv, D], values without gaps; d_o like q or empty. A row without keys gives o = 0,
/// lse = -inf and no gradient.
Reference reference_attention(const Shape& q_shape, const std::vector<float>& q, const Shape& kv_shape,
                              const std::vector<float>& k, const std::vector<float>& v, const std::vector<float>& d_o,
                              double scale, const Visible& visible);

/// ||a - b|| / ||b||, where the norm of `noise`, if any, adds to that of b; NaN when a has one. 0 / 0 is 0.
double relative_error(const std::vector<float>& a, const std::vector<double>& b, const std::vector<double>& noise = {});
/// The largest difference divided by the root mean square of what is not zero in b (and noise).
double largest_error(const std::vector<float>& a, const std::vector<double>& b, const std::vector<double>& noise = {});

}  // namespace fvattn::engine::sm80::test
