#include "attend.hpp"

#include "logits.hpp"
#include "visible.hpp"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/_safe_softmax.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <mutex>

namespace fvattn::sdpa {
namespace {

// A generator of this call's own: the state of torch's is neither read nor changed.
at::Generator generator_of(const fvattn_rng& rng, at::Device device) {
  at::Generator shared = at::globalContext().defaultGenerator(device);
  at::Generator own = [&] {
    const std::lock_guard lock(shared.mutex());
    return shared.clone();
  }();
  own.set_current_seed(rng.seed + rng.offset * 0x9E3779B97F4A7C15ull);
  return own;
}

// Torch's fused kernels draw from the default generator, and not the same numbers in every kernel; so dropout is spelt out.
at::Tensor attend_with_dropout(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& mask, const fvattn_rng& rng) {
  const at::Tensor weights = at::_safe_softmax(logits(p, q, k, four_dimensional(mask, p, q.scalar_type()), 0, p.q_len), -1);
  const double keep = 1 - p.dropout_p;
  const at::Tensor kept = at::empty_like(weights).bernoulli_(keep, generator_of(rng, q.device()));
  return at::matmul(weights.mul(kept).div(keep).to(v.scalar_type()), expand_heads(v, p));
}

}  // namespace

at::Tensor attend(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const at::Tensor& mask, const fvattn_rng* rng) {
  if (p.dropout_p > 0) {
    if (rng == nullptr) plugin::fail(FVATTN_INVALID_ARGUMENT, "dropout needs random numbers, and the call brings none");
    return attend_with_dropout(p, q, k, v, mask, *rng);
  }
  const Visible see = visible(p, mask, q);
  const std::optional<at::Tensor> keys = see.mask.defined() ? std::optional(see.mask) : std::nullopt;
  const at::Tensor rows = see.first_row == 0 ? q : q.narrow(2, see.first_row, p.q_len - see.first_row);
  const bool gqa = p.heads != p.kv_heads;
  // Torch's fused backward kernels on CUDA add with atomics.
  const bool plain = (p.flags & FVATTN_PROBLEM_NEED_DETERMINISM) != 0 && q.is_cuda();
  at::Tensor o = plain ? std::get<0>(at::_scaled_dot_product_attention_math(rows, k, v, keys, 0, see.torch_causal,
                                                                            std::nullopt, p.scale, gqa))
                       : at::scaled_dot_product_attention(rows, k, v, keys, 0, see.torch_causal, p.scale, gqa);
  if (see.blind.defined()) o = o.masked_fill(see.blind, 0);
  return see.first_row == 0 ? o : at::constant_pad_nd(o, {0, 0, see.first_row, 0}, 0);
}

}  // namespace fvattn::sdpa
