#include "bench/dist/reference_steps.hpp"

#include <ATen/ATen.h>

namespace fvattn::bench::dist {

std::vector<at::Tensor> ReferenceSteps::scatter(const std::vector<at::Tensor>& tensors) {
  const at::Tensor joined = at::cat(tensors, 0);
  const int64_t batches = joined.size(0), rows = joined.size(1), heads = joined.size(2) / ranks_, dim = joined.size(3);
  at::Tensor source = joined.reshape({batches, rows, ranks_, heads, dim}).transpose(0, 2).contiguous();
  at::Tensor target = at::empty_like(source);
  all_to_all(target, source);
  const at::Tensor whole = target.reshape({ranks_ * rows, batches, heads, dim}).transpose(0, 1).contiguous();
  return whole.chunk(static_cast<int64_t>(tensors.size()), 0);
}

at::Tensor ReferenceSteps::gather(const at::Tensor& tensor) {
  const int64_t batches = tensor.size(0), rows = tensor.size(1) / ranks_, heads = tensor.size(2), dim = tensor.size(3);
  at::Tensor source = tensor.reshape({batches, ranks_, rows, heads, dim})
                          .transpose(0, 3)
                          .transpose(0, 1)
                          .contiguous()
                          .reshape({ranks_, heads, rows, batches, dim});
  at::Tensor target = at::empty_like(source);
  all_to_all(target, source);
  return target.reshape({ranks_ * heads, rows, batches, dim})
      .transpose(0, 2)
      .contiguous()
      .reshape({batches, rows, ranks_ * heads, dim});
}

}  // namespace fvattn::bench::dist
