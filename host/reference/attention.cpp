#include "reference/attention.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

namespace fvattn::reference {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor head(const at::Tensor& tensor, int64_t batch, int64_t index) {
  return tensor[batch].select(1, index).to(at::kDouble);
}

// Probabilities and logarithm of the sum, [rows, Sk] and [rows].
struct Softmax {
  at::Tensor p, lse;
};

Softmax softmax(const at::Tensor& logits, const at::Tensor& hidden, double& largest) {
  const int64_t keys = logits.size(1);
  if (keys == 0) return {logits, at::full({logits.size(0)}, -kInfinity, logits.options())};
  const at::Tensor shown = hidden.defined() ? logits.masked_fill(hidden, -kInfinity) : logits;
  const at::Tensor top = std::get<0>(shown.max(1, true));
  const at::Tensor none = top == -kInfinity;
  const at::Tensor shift = top.masked_fill(none, 0);
  const at::Tensor weight = (shown - shift).exp_();
  const at::Tensor sum = weight.sum(1, true).masked_fill_(none, 1);
  if (logits.size(0) > 0) largest = std::max(largest, shift.abs().max().item<double>());
  return {weight / sum, (shift + sum.log()).masked_fill_(none, -kInfinity).squeeze(1)};
}

}  // namespace

Answer attention(const Question& in) {
  const int64_t batch = in.q.size(0), heads = in.q.size(2), keys = in.k.size(1);
  const int64_t group = in.k.size(2) == 0 ? 1 : heads / in.k.size(2);
  const at::TensorOptions options = in.q.options().dtype(at::kDouble);
  const at::Tensor rows = in.rows.defined() ? in.rows.to(in.q.device()) : at::arange(in.q.size(1), options.dtype(at::kLong));
  at::Tensor future;
  if (in.causal) future = at::arange(keys, rows.options()).unsqueeze(0) > (rows + (keys - in.q.size(1))).unsqueeze(1);
  const at::Tensor seen = in.seen.defined() ? in.seen.expand({batch, heads, rows.size(0), keys}) : at::Tensor();

  Answer out;
  out.o = at::zeros({batch, rows.size(0), heads, in.v.size(3)}, options);
  out.lse = at::zeros({batch, heads, rows.size(0)}, options);
  if (in.d_o.defined())
    out.d_q = at::zeros(in.q.sizes(), options), out.d_k = at::zeros(in.k.sizes(), options),
    out.d_v = at::zeros(in.v.sizes(), options);
  double d_q_squared = 0, d_k_squared = 0;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h) {
      const at::Tensor q = head(in.q, b, h).index_select(0, rows), k = head(in.k, b, h / group),
                       v = head(in.v, b, h / group);
      at::Tensor hidden = future;
      if (seen.defined()) {
        const at::Tensor away = seen[b][h].logical_not();
        hidden = hidden.defined() ? hidden.logical_or(away) : away;
      }
      const auto [p, lse] = softmax(q.matmul(k.t()).mul_(in.scale), hidden, out.largest_logit);
      const at::Tensor o = p.matmul(v);
      out.o[b].select(1, h).copy_(o);
      out.lse[b][h].copy_(lse);
      if (!in.d_o.defined()) continue;
      const at::Tensor d_o = head(in.d_o, b, h), d_p = d_o.matmul(v.t());
      const at::Tensor d_s = p * (d_p - (d_o * o).sum(1, true)) * in.scale;
      out.d_q[b].select(1, h).copy_(d_s.matmul(k));
      out.d_k[b].select(1, h / group).add_(d_s.t().matmul(q));
      out.d_v[b].select(1, h / group).add_(p.t().matmul(d_o));
      // The errors of d_p are independent, those of the row sum are common to a row.
      const at::Tensor each = (p * d_p).square(), row = (d_o * o).square().sum(1, true);
      d_q_squared += (each.matmul(k.square()).sum() + (row * p.matmul(k).square()).sum()).item<double>();
      d_k_squared += (each + p.square() * row).t().matmul(q.square()).sum().item<double>();
    }
  out.d_q_scale = in.scale * std::sqrt(d_q_squared);
  out.d_k_scale = in.scale * std::sqrt(d_k_squared);
  return out;
}

}  // namespace fvattn::reference
