// A distributed call on tensors: exchange, attention on the rank's heads, exchange back. And its backward.
#pragma once

#include "distributed_call.hpp"

namespace fvattn {

struct DistributedResult {
  at::Tensor o;       // [B, s, H, Dv]
  at::Tensor text_o;  // [B, T, H, Dv], the same on all ranks; undefined without text
  uint64_t copies = 0;
};

/// Runs the call; recorded by autograd if `differentiable`. Whatever goes wrong here or in backward aborts the
/// communicator, because other ranks wait. Throws.
DistributedResult run_distributed(std::shared_ptr<const DistributedCall> call, const ShardedInputs& inputs,
                                  bool differentiable);

}  // namespace fvattn
