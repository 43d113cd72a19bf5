#include "torch_ops/gradients.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/autograd.h>

namespace fvattn::torch_ops {

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& tensors, size_t leading, at::IntArrayRef wanted,
                                     const std::vector<at::Tensor>& d_outputs,
                                     const std::function<std::vector<at::Tensor>(std::vector<at::Tensor>)>& forward) {
  // The caller may stand below autograd, where operations on views are not recorded.
  c10::impl::LocalDispatchKeySet keys = c10::impl::tls_local_dispatch_key_set();
  keys.excluded_ = keys.excluded_ - c10::autograd_dispatch_keyset;
  const c10::impl::ForceDispatchKeyGuard recorded(keys);
  const at::AutoGradMode with_grad(true);
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& tensor : tensors) leaves.push_back(tensor.detach());
  std::vector<at::Tensor> inputs(leaves.begin(), leaves.begin() + static_cast<std::ptrdiff_t>(leading));
  for (const int64_t i : wanted) inputs.push_back(leaves[leading + static_cast<size_t>(i)]);
  for (at::Tensor& input : inputs) input.set_requires_grad(true);
  std::vector<at::Tensor> gradients =
      torch::autograd::grad(forward(leaves), inputs, d_outputs, std::nullopt, false, /*allow_unused=*/true);
  for (size_t i = 0; i < gradients.size(); ++i)
    gradients[i] =
        gradients[i].defined() ? gradients[i].contiguous() : at::zeros_like(inputs[i], at::MemoryFormat::Contiguous);
  return gradients;
}

}  // namespace fvattn::torch_ops
