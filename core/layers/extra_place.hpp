// Where an extra tensor of a distributed call goes.
#pragma once

#include "distributed_call.hpp"
#include "problem_builder.hpp"

namespace fvattn {

/// The place of `extra` if it is sharded as `shard` says; INVALID_ARGUMENT if its shape is not of that kind.
Result<ExtraPlace> place_of(const NamedTensor& extra, int32_t shard, const ShardedInputs& inputs, const LayerShape& shape,
                            const HeadSplit& heads, size_t rank);

/// FVATTN_SHARD_* of `name` in the backend's schema; nullopt if it is not there.
std::optional<int32_t> shard_in_schema(const AttentionBackend& backend, const std::string& name);

/// What the shape suggests before a backend is known: SEQ_HEADS for [B, s, H or Hkv, ...], else REPLICATED.
int32_t shard_by_shape(const at::Tensor& extra, const ShardedInputs& inputs, const LayerShape& shape);

}  // namespace fvattn
