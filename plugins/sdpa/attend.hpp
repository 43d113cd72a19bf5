// One differentiable expression of the whole computation: forward evaluates it, backward differentiates it.
#pragma once

#include "tensors.hpp"

namespace fvattn::sdpa {

/// o [B, H, Sq, Dv] of q [B, H, Sq, D], k [B, Hkv, Sk, D], v [B, Hkv, Sk, Dv] (kv_len at least 1); `mask` as it came or
/// undefined. With dropout the same `rng` drops the same elements, whoever calls.
at::Tensor attend(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const at::Tensor& mask, const fvattn_rng* rng);

}  // namespace fvattn::sdpa
