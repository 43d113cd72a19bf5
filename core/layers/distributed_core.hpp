// What the distributed layers share: agreement, selection, the call.
#pragma once

#include "call_site.hpp"
#include "distributed_call.hpp"
#include "distributed_function.hpp"
#include "problem_builder.hpp"

#include <fvattn/torch/distributed_attention.hpp>

#include <atomic>
#include <mutex>
#include <set>

namespace fvattn {

class DistributedCore {
 public:
  DistributedCore(LocalAttentionOptions options, std::shared_ptr<Communicator> communicator);

  /// Throws Error. `refusal`: what the layer itself objects to; all ranks get to know it.
  DistributedResult forward(ShardedInputs inputs, const std::optional<int64_t>& original_seq_len,
                            const DistributedCallOptions& call, bool training, Status refusal = {});

  const LocalAttentionOptions& options() const { return options_; }
  Communicator& communicator() const { return *communicator_; }
  const HeadSplit& heads() const { return heads_; }
  const AttentionBackend* backend() const { return latest_.load(std::memory_order_relaxed); }
  LayerCounters counters() const;
  void print(std::ostream& stream, const char* type) const;

 private:
  Result<Ranges> agree_on_rows(const Contract& mine);
  bool is_agreed(uint64_t hash);
  void remember_agreed(uint64_t hash);
  /// The backend for `call`, with its metadata and this rank's plan in `call`.
  Result<Selection> choose(DistributedCall& call, const ShardedInputs& inputs, double dropout_p, bool differentiable);
  Status plan(DistributedCall& call, const ShardedInputs& inputs, const AttentionBackend& backend, const Device& device,
              double dropout_p, bool differentiable);
  Status place_extras(DistributedCall& call, const ShardedInputs& inputs, const AttentionBackend* backend,
                      size_t rank) const;
  Result<Problem> problem_for(const DistributedCall& call, const Inputs& inputs, size_t rank, double dropout_p,
                              bool differentiable) const;
  /// The same without an exchange, for the only rank.
  DistributedResult run_alone(const DistributedCall& call, const ShardedInputs& inputs, const Selection& selection);
  Status named(Status status) const;

  const LocalAttentionOptions options_;
  const LayerShape shape_;
  const std::shared_ptr<Communicator> communicator_;
  const HeadSplit heads_;
  CallSite site_;
  std::atomic<uint64_t> calls_ = 0, copies_ = 0;
  std::atomic<const AttentionBackend*> latest_ = nullptr;
  std::mutex mutex_;
  std::set<uint64_t> agreed_;  // hashes of calls that all ranks agreed on
};

}  // namespace fvattn
