// Gradients on their own: forward once more on leaves, then torch's autograd.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace fvattn::torch_ops {

/// The gradients of the first `leading` tensors and of tensors[leading + i] for i in `wanted`, contiguous, zeros where there
/// is none. `forward` gets detached tensors and returns what `d_outputs` belong to. May be called below autograd.
std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& tensors, size_t leading, at::IntArrayRef wanted,
                                     const std::vector<at::Tensor>& d_outputs,
                                     const std::function<std::vector<at::Tensor>(std::vector<at::Tensor>)>& forward);

}  // namespace fvattn::torch_ops
