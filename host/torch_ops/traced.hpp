// The operator while somebody records it: torch.compile, export, functional transforms, dispatch modes.
#pragma once

#include "torch_ops/arguments.hpp"

namespace fvattn::torch_ops {

/// True if memory must not be touched: fake, meta or functional tensors, or a dispatch mode that wants to see operators.
bool is_traced(const std::vector<at::Tensor>& tensors);

/// An autograd node whose forward and backward are operators themselves (attention, attention_backward), so that a graph
/// of both can be recorded. Its backward computes forward again: what a plugin saves has no shape before it is run.
at::Tensor attend_traced(Arguments arguments);

/// The operator below autograd.
at::Tensor redispatch(const Arguments& arguments);

}  // namespace fvattn::torch_ops
