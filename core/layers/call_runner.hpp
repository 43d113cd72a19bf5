// Runs a prepared call: stages, forward, backward, describe. Memory comes from torch's caching allocator.
//
// Local layers call run_forward; a distributed layer puts its exchange steps before and after it.
#pragma once

#include "named_tensors.hpp"
#include "plan_cache.hpp"

#include <fvattn/forward_context.hpp>
#include <fvattn/torch/extras.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fvattn {

/// What surrounds one call. Kept by the autograd node, so that backward sees what forward saw.
struct Surroundings {
  std::shared_ptr<const ForwardContext> context;       // may be empty
  std::shared_ptr<const AttentionMetadata> metadata;   // may be empty
  std::optional<fvattn_rng> rng;                       // when dropout is active
};

struct ForwardResult {
  at::Tensor o;                     // raster order [B, Sq, H, Dv]
  at::Tensor lse;                   // undefined unless the problem has NEED_LSE
  std::vector<at::Tensor> outputs;  // of plan.outputs, in order
  std::vector<at::Tensor> saved;    // of plan.saved, in order; empty without NEED_GRAD
};

/// preprocess, forward and postprocess, as the plan says, on the current stream of q's device. Not recorded by autograd.
Result<ForwardResult> run_forward(const Prepared& prepared, const Surroundings& around, const Inputs& inputs);

/// d_q, d_k, d_v, and the gradients of the extras whose indices are in `wanted`, in that order. `d_o` may have any strides.
Result<std::vector<at::Tensor>> run_backward(const Prepared& prepared, const Surroundings& around, const Inputs& inputs,
                                             const at::Tensor& o, const at::Tensor& d_o,
                                             const std::vector<at::Tensor>& saved, const std::vector<size_t>& wanted);

/// What the call would attend. Reads the inputs' memory where the choice depends on it.
Result<CallDescription> run_describe(const Prepared& prepared, const Surroundings& around, const Inputs& inputs,
                                     bool with_tiles);

}  // namespace fvattn
