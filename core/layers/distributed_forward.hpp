// The two directions of a distributed call, without autograd.
#pragma once

#include "distributed_call.hpp"
#include "distributed_function.hpp"

namespace fvattn {

/// What backward needs besides the call.
struct DistributedSaved {
  Inputs scattered;  // of the rank's heads, whole sequence
  at::Tensor o;      // of the rank's heads, whole sequence and text
  std::vector<at::Tensor> saved;
};

/// Forward. Fills `saved` for backward; without `keeps` it may lie in memory that the next call writes.
Result<DistributedResult> forward_over_ranks(const DistributedCall& call, const ShardedInputs& inputs,
                                             DistributedSaved& saved, bool keeps);

/// Gradients in the order q, k, v, then text q, k, v (if there is text), then the extras of `wanted`, which are indices; all
/// with the shapes of `shapes`.
Result<std::vector<at::Tensor>> backward_over_ranks(const DistributedCall& call, const DistributedSaved& saved,
                                                    const at::Tensor& d_o, const at::Tensor& d_text_o,
                                                    const ShardedInputs& shapes, const std::vector<size_t>& wanted);

}  // namespace fvattn
