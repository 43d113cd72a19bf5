// What serves a call: chunks that a selection chose, or, where the step is dense, a dense policy.
#pragma once

#include "../selection/select.hpp"

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/policies/varlen.hpp>

#include <optional>

namespace vmoba::cpu {

using fvattn::plugin::Call;
using fvattn::plugin::Workspace;

/// The metadata of a call; INVALID_ARGUMENT when it has none.
const Config& config_of(const Call& call);

class Schedule {
 public:
  explicit Schedule(const Call& call);

  bool dense() const { return !partition_; }
  const Partition& partition() const { return *partition_; }
  const Limits& limits() const { return limits_; }

  /// body(chunk map), unless dense.
  template <class Body>
  void visit_chunks(Body&& body) const {
    partition_->is_boxes() ? body(partition_->boxes()) : body(partition_->runs());
  }
  /// body(policy), if dense.
  template <class Body>
  void visit_dense(Body&& body) const {
    using namespace fvattn::engine;
    const LinearMap rows{static_cast<int>(problem_.q_len)};
    if (cu_) body(VarlenPolicy<false>{rows, rows, cu_, cu_, static_cast<int>(limits_.sequences)});
    else body(DensePolicy<false>{rows, rows});
  }

 private:
  const fvattn_problem& problem_;
  Limits limits_;
  std::optional<Partition> partition_;
  const int* cu_ = nullptr;
};

}  // namespace vmoba::cpu
