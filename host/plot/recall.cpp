#include "plot/recall.hpp"

#include "reference/attended.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

namespace fvattn::plot {
namespace {

constexpr int64_t kMostLogits = int64_t{1} << 24;  // in memory at a time

}  // namespace

at::Tensor Dense::mass(int64_t batch, const at::Tensor& rows) const {
  const at::Tensor chosen = q.select(0, batch).index_select(0, rows.to(q.device())).to(at::kFloat).transpose(0, 1);
  const at::Tensor keys =
      k.select(0, batch).to(at::kFloat).transpose(0, 1).repeat_interleave(q.size(2) / k.size(2), 0).transpose(1, 2);
  at::Tensor logits = at::matmul(chosen, keys) * scale;
  if (causal) {
    const at::Tensor last = rows.to(q.device()).unsqueeze(1) + (k.size(1) - q.size(1));
    const at::Tensor hidden = at::arange(k.size(1), at::TensorOptions(at::kLong).device(q.device())).unsqueeze(0) > last;
    logits = logits.masked_fill(hidden, -std::numeric_limits<float>::infinity());
  }
  return at::softmax(logits, -1).nan_to_num(0);  // a row without keys has no mass
}

at::Tensor recall(const Dense& dense, const CallDescription& description, const at::Tensor& rows) {
  const int64_t heads = dense.q.size(2), at_once = std::max<int64_t>(1, kMostLogits / (heads * dense.k.size(1)));
  std::vector<at::Tensor> entries;
  for (int64_t batch = 0; batch < dense.q.size(0); ++batch) {
    std::vector<at::Tensor> parts;
    for (int64_t first = 0; first < rows.size(0); first += at_once) {
      const at::Tensor some = rows.narrow(0, first, std::min(at_once, rows.size(0) - first));
      const at::Tensor seen =
          reference::attended(description.mask_tiles.narrow(0, batch, 1), description.q_tile, description.k_tile, some);
      parts.push_back((dense.mass(batch, some).cpu() * seen.select(0, 0)).sum(-1));
    }
    entries.push_back(at::cat(parts, 1));
  }
  return at::stack(entries);
}

at::Tensor spread_rows(int64_t count, int64_t most) {
  const int64_t n = std::min(count, most);
  return at::floor_divide(at::arange(n, at::kLong) * count, std::max<int64_t>(n, 1));
}

}  // namespace fvattn::plot
