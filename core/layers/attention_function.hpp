// The one autograd function of the layers.
#pragma once

#include "call_runner.hpp"

namespace fvattn {

/// run_forward, recorded by autograd: plan.saved, q, k, v, o and the extras are kept, and backward runs with the
/// surroundings of its forward on whatever thread the engine uses. Extras that need a gradient must be differentiable in
/// the backend's schema. Throws Error.
ForwardResult differentiable_forward(std::shared_ptr<const Prepared> prepared, const Surroundings& around,
                                     const Inputs& inputs);

/// True if autograd has to record a call with these inputs.
bool needs_gradient(const Inputs& inputs);
/// INVALID_ARGUMENT if a gradient is asked for in an extra that `backend` gives none for.
Status check_differentiable(const AttentionBackend& backend, const Inputs& inputs);
/// Leads `gradients` to `inputs` through a node that fails: a gradient of the gradient is refused when somebody asks for it.
void refuse_double_backward(const AttentionBackend& backend, const std::vector<at::Tensor>& inputs,
                            std::vector<at::Tensor>& gradients);

}  // namespace fvattn
