// One call of a distributed layer, as all ranks agreed on it.
#pragma once

#include "call_runner.hpp"

#include <fvattn/distributed/communicator.hpp>

#include <memory>
#include <vector>

namespace fvattn {

/// The tensors of a call on one rank, before the exchange.
struct ShardedInputs {
  at::Tensor q, k, v;
  at::Tensor text_q, text_k, text_v;  // replicated tokens; undefined: none
  c10::SmallVector<NamedTensor, 2> extras;

  int64_t text_rows() const { return text_q.defined() ? text_q.size(1) : 0; }
};

/// How an extra gets to the rank's heads.
struct ExtraPlace {
  int32_t shard = 0;  // FVATTN_SHARD_*
  Ranges heads;       // SEQ_HEADS: of each rank; SEQ: everyone has the one "head" of a row
  int64_t slice_dim = 0;  // HEADS
  Range slice;            // HEADS: empty = as it is
};

struct DistributedCall {
  std::shared_ptr<Communicator> communicator;
  Ranges sequence;  // rows that take part, by rank
  HeadSplit heads;
  int64_t text_rows = 0;
  std::vector<ExtraPlace> extras;
  c10::SmallVector<NamedTensor, 1> added;  // inputs that come from the metadata, the same on all ranks
  std::shared_ptr<const Prepared> prepared;  // empty on a rank without heads
  Surroundings around;

  size_t rank() const { return static_cast<size_t>(communicator->rank()); }
  int64_t own_rows() const { return sequence[rank()].size; }
  int64_t all_rows() const { return total_of(sequence); }
  const Range& q_heads() const { return heads.q[rank()]; }
  const Range& kv_heads() const { return heads.kv[rank()]; }
};

/// Uninitialised tensors of what the backend of `rank` will see: whole sequence and text, its heads; sliced and replicated
/// extras are what they will be, with `call.extras` placed for that rank. `shapes_only`: what is exchanged has no memory yet
/// (meta tensors).
Inputs scattered_like(const DistributedCall& call, const ShardedInputs& sharded, size_t rank, bool shapes_only = false);

}  // namespace fvattn
