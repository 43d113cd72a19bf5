// Which policy serves a call, and what that policy points to.
#pragma once

#include "../selection/select.hpp"
#include "chunk_lists.hpp"

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/policies/row_mask.hpp>
#include <fvattn/engine/policies/varlen.hpp>

#include <optional>

namespace vmoba::cpu {

using fvattn::plugin::Call;
using fvattn::plugin::Workspace;

/// The metadata of a call; INVALID_ARGUMENT when it has none.
const Config& config_of(const Call& call);

/// Made of the bits that forward selected; dense steps have none.
class Schedule {
 public:
  Schedule(const Call& call, Workspace& workspace);
  static void measure(const fvattn_problem& p, const Limits& limits, Workspace& workspace) {
    ChunkLists(p, limits, workspace);
  }

  bool dense() const { return !partition_; }
  const Partition& partition() const { return *partition_; }
  const Limits& limits() const { return limits_; }
  /// To be called before visit, unless dense.
  void use(const std::uint32_t* bits) {
    bits_ = bits;
    lists_.fill(*partition_, bits);
  }

  /// body(policy)
  template <class Body>
  void visit(Body&& body) const {
    using namespace fvattn::engine;
    const LinearMap rows{static_cast<int>(problem_.q_len)};
    if (!dense())
      partition_->is_boxes() ? visit_chunks(partition_->boxes(), body) : visit_chunks(partition_->runs(), body);
    else if (cu_)
      body(VarlenPolicy<false>{rows, rows, cu_, cu_, static_cast<int>(limits_.sequences)});
    else
      body(DensePolicy<false>{rows, rows});
  }

 private:
  template <class ChunkMap, class Body>
  void visit_chunks(const ChunkMap& map, Body&& body) const {
    const fvattn::engine::ChunkBits rows{bits_, problem_.heads, static_cast<int>(problem_.q_len), limits_.words()};
    body(fvattn::engine::RowMaskPolicy<ChunkMap, ChunkMap>{map, map, rows, lists_.lists(), lists_.inverse()});
  }

  const fvattn_problem& problem_;
  Limits limits_;
  std::optional<Partition> partition_;
  ChunkLists lists_;
  const int* cu_ = nullptr;
  const std::uint32_t* bits_ = nullptr;
};

}  // namespace vmoba::cpu
