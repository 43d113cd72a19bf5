// One layer's place in a model, without tensors: who serves it, with which instances, plans and metadata.
#pragma once

#include "plan_cache.hpp"

#include <fvattn/context.hpp>
#include <fvattn/forward_context.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace fvattn {

/// Thread-safe. Local and distributed layers have one each.
class CallSite {
 public:
  /// `nominal` has the constructor's values; `impl_prefix` is what the impl gets as its prefix.
  CallSite(Context& context, Request request, Problem nominal, std::string impl_prefix, KeyValues impl_options);

  Result<Selection> select(const Device& device, const Problem& problem);
  Explanation explain(const Device& device, const Problem& problem) {
    return context_.selector().explain(request_, device, problem);
  }

  /// What `backend` gets to see: its own metadata in `surroundings` (may be nullptr), else its defaults, built once. A
  /// key that it requires and nobody gave is an error that names it. `stream` as for AttentionMetadataBuilder::build.
  Result<std::shared_ptr<const AttentionMetadata>> metadata_for(const AttentionBackend& backend, const Device& device,
                                                                const ForwardContext* surroundings, void* stream);

  /// The plan for `problem`, from the cache or made now; refused with every reason if the backend, knowing tensors and
  /// metadata, cannot serve it after all.
  Result<std::shared_ptr<const Prepared>> prepare(const AttentionBackend& backend, const Device& device,
                                                  const Problem& problem, std::shared_ptr<const AttentionMetadata> metadata);

  /// To be called for each call under graph capture: what the graph refers to must live as long as the layer, and a
  /// plan that cannot be captured is refused.
  Status note_capture(std::shared_ptr<const Prepared> prepared, std::shared_ptr<const AttentionMetadata> metadata);

  /// "layer blocks.3.attn1: " or "".
  std::string who() const;
  const Request& request() const { return request_; }
  uint64_t plans() const { return plans_.load(std::memory_order_relaxed); }

 private:
  using Place = std::pair<const AttentionBackend*, const Device*>;
  Result<std::shared_ptr<ImplHandle>> impl_for(const AttentionBackend& backend, const Device& device,
                                               const Problem& problem);

  Context& context_;
  const Request request_;
  const Problem nominal_;
  const std::string impl_prefix_;
  const KeyValues impl_options_;

  PlanCache cache_;
  std::atomic<uint64_t> plans_ = 0;
  std::mutex mutex_;  // of what follows
  std::map<Place, std::shared_ptr<ImplHandle>> impls_;
  std::map<Place, std::shared_ptr<const AttentionMetadata>> defaults_;
  std::vector<std::pair<std::shared_ptr<const Prepared>, std::shared_ptr<const AttentionMetadata>>> captured_;
};

}  // namespace fvattn
