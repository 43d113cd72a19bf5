#include "logits.hpp"

#include "visible.hpp"

#include <ATen/ops/logical_not.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <limits>

namespace fvattn::sdpa {
namespace {

constexpr int64_t kMostLogits = int64_t{1} << 24;  // elements held at once by write_lse

at::Tensor widened(const at::Tensor& t) { return t.scalar_type() == at::kDouble ? t : t.to(at::kFloat); }

}  // namespace

at::Tensor expand_heads(const at::Tensor& kv, const fvattn_problem& p) {
  return p.heads == p.kv_heads ? kv : kv.repeat_interleave(p.heads / p.kv_heads, 1);
}

at::Tensor logits(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask, int64_t lo,
                  int64_t hi) {
  const double none = -std::numeric_limits<double>::infinity();
  at::Tensor s = at::matmul(widened(q.narrow(2, lo, hi - lo)).mul(p.scale), widened(expand_heads(k, p)).transpose(2, 3));
  if (mask.defined()) {
    const at::Tensor m = mask.size(2) == 1 ? mask : mask.narrow(2, lo, hi - lo);
    s = m.scalar_type() == at::kBool ? s.masked_fill(at::logical_not(m), none) : s.add(m);
  }
  if ((p.flags & FVATTN_PROBLEM_CAUSAL) != 0) s = s.masked_fill(at::logical_not(causal_rows(p, lo, hi, q.device())), none);
  return s;
}

void write_lse(const fvattn_problem& p, const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask,
               const at::Tensor& lse) {
  const int64_t row = std::max<int64_t>(p.batch * p.heads * p.kv_len, 1);
  const int64_t rows = std::clamp<int64_t>(kMostLogits / row, 1, std::max<int64_t>(p.q_len, 1));
  for (int64_t lo = 0; lo < p.q_len; lo += rows) {
    const int64_t hi = std::min(lo + rows, p.q_len);
    lse.narrow(2, lo, hi - lo).copy_(at::logsumexp(logits(p, q, k, mask, lo, hi), {-1}));
  }
}

}  // namespace fvattn::sdpa
