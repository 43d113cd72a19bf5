// What the ranks of a distributed layer agree on, and what each checks by itself first.
#pragma once

#include "distributed_call.hpp"
#include "problem_builder.hpp"

#include <fvattn/torch/distributed_attention.hpp>

namespace fvattn {

/// INVALID_ARGUMENT unless the tensors fit the layer: q, k, v of one length, text of all three or none and of their dtype
/// and device, extras dense.
Status check_sharded(const ShardedInputs& inputs, const LayerShape& shape, const Communicator& communicator,
                     const DistributedCallOptions& call);

/// The tensors and the options of a call in words, the local length as "rows".
Contract contract_of(const ShardedInputs& inputs, const LayerShape& shape, const DistributedCallOptions& call,
                     const std::optional<int64_t>& original_seq_len, double dropout_p);

/// Who serves and with which metadata, in words.
void add_backend(Contract& contract, const AttentionBackend& backend, const AttentionMetadata* metadata);

/// "q k": the inputs that need a gradient; empty if there are none, or autograd is off.
std::string gradients_of(const ShardedInputs& inputs);

}  // namespace fvattn
