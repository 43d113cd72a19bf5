// An attention block on one rank and on all: scatter of q, k, v, attention, gather of o.
#pragma once

#include "bench/contender.hpp"
#include "bench/dist/measure_exchange.hpp"
#include "bench/dist/stopwatch.hpp"

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
  /// The same inputs on every rank. Collective; UNAVAILABLE with the reason if the backend cannot serve.
  static Result<std::unique_ptr<Block>> prepare(const Member& member, const BlockCase& what);

  /// Multiplications and additions of the attention over all ranks.
  double flop() const { return flop_; }

  struct Times {
    Status status;           // of the transport; the figures of others are right nevertheless
    Spread ms;               // of the block: each run's is the slowest rank's
    double exchange_ms = 0;  // its scatter and its gather alone, over the same transport
    double error = 0;        // relative, of rank 0's rows against those of one rank
    double host_ms = 0;      // until the call returned
  };
  struct Rounds {
    Spread one_rank;          // of all of it on one rank
    std::vector<Times> over;  // of each transport
  };
  /// In turns, each after a rest as long as the whole on one rank takes (60 ms at most) and in another order each time, so
  /// that heat and clocks are the same for all: the whole on one rank, and on all over each transport. A GPU at its power's
  /// limit is slower behind work than after a rest. Where every rank has a GPU of its own all do the whole at the same time
  /// and the slowest counts, as in the other runs; else rank 0 alone does. Collective.
  Result<Rounds> measure(const std::vector<std::shared_ptr<Communicator>>& transports, const Repetitions& repetitions);

 private:
  struct Turn;

  Block(const Member& member, const BlockCase& what) : member_(member), what_(what) {}
  Status one_rank();
  Status all_ranks(Turn& turn);
  Result<double> exchange_ms(Communicator& transport, const Repetitions& repetitions) const;

  const Member& member_;
  const BlockCase what_;
  std::unique_ptr<Contender> contender_;
  Operands operands_, own_;  // whole, and this rank's rows
  LocalAttentionOptions options_;
  std::shared_ptr<const ForwardContext> context_;
  double flop_ = 0;
  bool takes_whole_ = false;  // this rank does the whole, too
  std::unique_ptr<CaseTensors> token_;
  std::optional<Stopwatch> watch_;
  at::Tensor o_;
};

}  // namespace fvattn::bench::dist
