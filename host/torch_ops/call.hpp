// The operator's work: a layer's forward, and its gradients on their own.
#pragma once

#include "torch_ops/arguments.hpp"

#include <vector>

namespace fvattn::torch_ops {

/// o [B, Sq, H, Dv], recorded by the layer's own autograd node if gradients are wanted. Throws ValueError for arguments
/// that make no sense, RuntimeError for everything else.
at::Tensor attend(const Arguments& arguments);

/// d_q, d_k, d_v and the gradients of the further inputs `wanted` (indices into extra_names). Computes forward again.
std::vector<at::Tensor> differentiate(const at::Tensor& d_o, const Arguments& arguments, at::IntArrayRef wanted);

}  // namespace fvattn::torch_ops
