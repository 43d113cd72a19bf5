// Which keys a query row sees.
#pragma once

#include "tensors.hpp"

namespace fvattn::sdpa {

/// `mask` [Sk], [B, Sk], [B, Sq, Sk] or [B, H or 1, Sq, Sk] as four dimensions: bool (true = attend) from bool and integers,
/// `dtype` (added to the logits) from floating types. Of heads spread over ranks it keeps those of this rank.
/// Differentiable. Undefined if `mask` is.
at::Tensor four_dimensional(const at::Tensor& mask, const fvattn_problem& p, at::ScalarType dtype);

/// What keeps `mask` from fitting the problem; empty when it fits.
std::string mask_trouble(const fvattn_spec& mask, const fvattn_problem& p);

/// bool [rows, Sk]: causal visibility of the query rows lo..hi: j <= i + Sk - Sq.
at::Tensor causal_rows(const fvattn_problem& p, int64_t lo, int64_t hi, at::Device device);

/// How to ask torch's attention for exactly these keys. Torch leaves a row without keys undefined in some kernels and
/// aligns its causal mask at the top left, so both are arranged here.
struct Visible {
  int64_t first_row = 0;   // rows before it see nothing and are not computed
  bool torch_causal = false;  // a square causal problem from first_row on: torch's own flag does
  at::Tensor mask;         // may be undefined; rows without keys attend to everything instead
  at::Tensor blind;        // may be undefined; bool, true where a row sees nothing: its result is zeroed
};
Visible visible(const fvattn_problem& p, const at::Tensor& mask, const at::Tensor& q);

}  // namespace fvattn::sdpa
