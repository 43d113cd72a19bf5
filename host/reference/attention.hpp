// Exact attention over a chosen set of keys in float64, from its definition.
#pragma once

#include <ATen/core/Tensor.h>

namespace fvattn::reference {

struct Question {
  at::Tensor q, k, v;  // [B, Sq, H, D], [B, Sk, Hkv, D], [B, Sk, Hkv, Dv]; any dtype and device
  double scale = 1;
  bool causal = false;  // query i sees keys j <= i + Sk - Sq
  at::Tensor seen;      // bool, broadcasts to [B, H, rows, Sk]; undefined: every key
  at::Tensor rows;      // int64 [n]: only these query rows; undefined: all
  at::Tensor d_o;       // [B, Sq, H, Dv]: asks for gradients; not together with rows
};

/// float64, on the device of q. A row without keys has o = 0, lse = -inf and no gradient.
struct Answer {
  at::Tensor o;    // [B, rows, H, Dv]
  at::Tensor lse;  // [B, H, rows], natural log, scale included
  at::Tensor d_q, d_k, d_v;
  /// Norms of d_q and d_k if nothing cancelled: what rounding errors are relative to where the gradients vanish.
  double d_q_scale = 0, d_k_scale = 0;
  double largest_logit = 0;  // in absolute value
};

/// Works head by head; memory is a few times rows * Sk doubles.
Answer attention(const Question& question);

}  // namespace fvattn::reference
