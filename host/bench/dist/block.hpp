// An attention block on one rank and on all: scatter of q, k, v, attention, gather of o.
#pragma once

#include "bench/contender.hpp"
#include "bench/dist/measure_exchange.hpp"

#include <fvattn/torch/distributed_attention.hpp>

#include <memory>
#include <optional>

namespace fvattn::bench::dist {

struct BlockCase {
  Workload workload;
  std::string backend;
  bool has_gate = false;  // a fourth tensor is exchanged: for backends with a coarse branch
};

class Block {
 public:
  /// The same inputs on every rank, of which each keeps its rows after one_rank_ms. Collective; UNAVAILABLE with the reason
  /// if the backend cannot serve.
  static Result<std::unique_ptr<Block>> prepare(const Member& member, const BlockCase& what);

  /// Milliseconds of all of it on rank 0 alone. Once, before the others.
  Result<Spread> one_rank_ms(const Repetitions& repetitions);
  /// Multiplications and additions of the attention over all ranks.
  double flop() const { return flop_; }

  struct Times {
    Spread ms;               // of the block: each run's is the slowest rank's
    double exchange_ms = 0;  // its scatter and its gather alone, over the same transport
    double error = 0;        // relative, of rank 0's rows against those of one rank
    double host_ms = 0;      // until the call returned
  };
  Result<Times> all_ranks_ms(const std::shared_ptr<Communicator>& transport, const Repetitions& repetitions) const;

 private:
  Block(const Member& member, const BlockCase& what) : member_(member), what_(what) {}
  at::Tensor call(DistributedAttention& layer, DistributedAttentionVSA& gated) const;

  const Member& member_;
  const BlockCase what_;
  std::unique_ptr<Contender> contender_;  // until one_rank_ms
  Operands operands_;                     // whole, then this rank's rows
  LocalAttentionOptions options_;
  std::shared_ptr<const ForwardContext> context_;
  double flop_ = 0;
  at::Tensor expected_;  // on rank 0: its rows of o
};

}  // namespace fvattn::bench::dist
