// What the tests of the layers share: a context that sees this build's plugins and nothing of the user's, and exact
// attention in float64 from its definition, differentiable by torch's autograd.
#pragma once

// Torch's headers come first: they define a CHECK of their own, which aborts.
#include <fvattn/torch/local_attention.hpp>
#include <fvattn/torch/tensor_value.hpp>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#undef CHECK

#include "core/support/contains.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>

namespace fvattn::test {

inline Context& test_context() {
  static auto* context = new Context(Environment::from({}));
  return *context;
}

inline LocalAttentionOptions layer_options(int64_t heads, int64_t head_size, std::string backend = "TORCH_SDPA") {
  LocalAttentionOptions options;
  options.num_heads = heads;
  options.head_size = head_size;
  options.backend = std::move(backend);
  options.context = &test_context();
  return options;
}

struct QKV {
  at::Tensor q, k, v;
};
inline QKV random_qkv(int64_t batch, int64_t q_len, int64_t kv_len, int64_t heads, int64_t kv_heads, int64_t dim,
                      at::TensorOptions options = at::TensorOptions(at::kFloat)) {
  return {at::randn({batch, q_len, heads, dim}, options), at::randn({batch, kv_len, kv_heads, dim}, options),
          at::randn({batch, kv_len, kv_heads, dim}, options)};
}

struct Expected {
  at::Tensor o, lse;  // [B, Sq, H, D] and [B, H, Sq], float64
};
/// `attend`: bool, broadcasts to [B, H, Sq, Sk], undefined = all; `bias`: added to the logits, undefined = none.
inline Expected reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, bool causal,
                          const at::Tensor& attend = {}, const at::Tensor& bias = {}) {
  const int64_t group = q.size(2) / k.size(2), q_len = q.size(1), kv_len = k.size(1);
  const auto heads_first = [](const at::Tensor& t) { return t.to(at::kDouble).cpu().transpose(1, 2); };
  at::Tensor s = at::matmul(heads_first(q), heads_first(k.repeat_interleave(group, 2)).transpose(2, 3)) * scale;
  at::Tensor seen = at::ones({q_len, kv_len}, at::kBool);
  if (causal) seen = seen.tril(kv_len - q_len);
  if (attend.defined()) seen = seen.logical_and(attend.cpu());
  if (bias.defined()) {
    s = s + bias.to(at::kDouble).cpu();
    seen = seen.logical_and(bias.cpu().detach() != -std::numeric_limits<double>::infinity());
  }
  seen = seen.expand(s.sizes());
  // Exponentials of hidden pairs never exist, so nothing is undefined in a row without keys.
  const at::Tensor hidden = seen.logical_not();
  const at::Tensor top = kv_len == 0 ? at::zeros({s.size(0), s.size(1), q_len, 1}, at::kDouble)
                                     : std::get<0>(s.detach().masked_fill(hidden, -1e300).max(-1, true)).clamp_min(-1e200);
  const at::Tensor e = at::where(hidden, at::zeros({}, at::kDouble), (at::where(hidden, top, s) - top).exp());
  const at::Tensor sum = e.sum(-1, true);
  const at::Tensor none = sum == 0;
  const at::Tensor p = e / sum.masked_fill(none, 1);
  return {at::matmul(p, heads_first(v.repeat_interleave(group, 2))).transpose(1, 2),
          (top + sum.masked_fill(none, 1).log()).masked_fill(none, -std::numeric_limits<double>::infinity()).squeeze(-1)};
}

/// ||a - b|| / max(||b||, floor) in float64; NaN when anything is. Infinities must be equal. A floor is for results that
/// cancel: the gradients of a softmax that is nearly one key are differences of much larger numbers.
inline double relative_error(const at::Tensor& a, const at::Tensor& b, double floor = 0) {
  const at::Tensor x = a.detach().to(at::kDouble).cpu(), y = b.detach().to(at::kDouble).cpu();
  if (x.sizes() != y.sizes()) return std::numeric_limits<double>::quiet_NaN();
  const at::Tensor same = (x == y);  // infinities too
  const double norm = std::max(y.masked_fill(y.isinf(), 0).norm().item<double>(), floor);
  const double difference = (x - y).masked_fill(same, 0).norm().item<double>();
  return norm > 0 ? difference / norm : difference;
}

/// The text of the fvattn::Error that `body` throws; "" if it throws none.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace fvattn::test
