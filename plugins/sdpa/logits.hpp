// The logits themselves, for what torch's fused attention does not give: lse, and dropout with a seed of one's own.
#pragma once

#include "tensors.hpp"

namespace fvattn::sdpa {

/// [B, H, hi - lo, Sk]: scale * q k^T of the query rows lo..hi, with mask and causality as -inf. At least float32.
/// q and k heads first; `mask` from four_dimensional(). Differentiable.
at::Tensor logits(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask, int64_t lo,
                  int64_t hi);

/// [B, Hkv, S, D] as [B, H, S, D].
at::Tensor expand_heads(const at::Tensor& kv, const fvattn_problem& p);

/// Writes lse [B, H, Sq], a piece of the rows at a time so that memory stays bounded.
void write_lse(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask,
               const at::Tensor& lse);

}  // namespace fvattn::sdpa
