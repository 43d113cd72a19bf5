// The plans of one layer: one for each problem it met.
#pragma once

#include <fvattn/attention_backend.hpp>
#include <fvattn/device.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace fvattn {

/// One backend instance of a layer. The lock is held during each call into it: calls with one impl take turns. It is
/// recursive because a backward that runs autograd itself may be handed another node of this layer by the engine.
struct ImplHandle {
  std::unique_ptr<AttentionImpl> impl;
  std::recursive_mutex mutex;
};

/// A problem with its plan, ready to run. Immutable and shared: autograd nodes keep what they need beyond the cache.
struct Prepared {
  Prepared(const AttentionBackend& b, const Device& d, std::shared_ptr<ImplHandle> i, Problem p,
           std::shared_ptr<const AttentionMetadata> m)
      : backend(b), device(d), impl(std::move(i)), problem(std::move(p)), packed(problem), planned_with(std::move(m)) {}

  const AttentionBackend& backend;
  const Device& device;
  const std::shared_ptr<ImplHandle> impl;
  const Problem problem;
  const PackedProblem packed;
  /// The metadata at the time of planning; calls bring their own, which may differ in PER_STEP keys.
  const std::shared_ptr<const AttentionMetadata> planned_with;
  AttentionPlan plan;
};

/// True if a plan made with `a` holds for `b`: both the same object, or equal but for keys flagged PER_STEP. Tensors are
/// equal if they share memory, or lie in host memory with equal content.
bool same_plan(const AttentionMetadata* a, const AttentionMetadata* b);

/// Thread-safe. Keeps the latest kMost plans.
class PlanCache {
 public:
  std::shared_ptr<const Prepared> find(const AttentionBackend& backend, const Device& device, const Problem& problem,
                                       const AttentionMetadata* metadata);
  void insert(std::shared_ptr<const Prepared> prepared);

  static constexpr size_t kMost = 64;

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<const Prepared>> entries_;  // latest use first
};

}  // namespace fvattn
