// What a plan decides: which windows each head of a layer uses, at any step.
#pragma once

#include "metadata.hpp"

#include <fvattn/engine/policies/dense.hpp>
#include <fvattn/engine/policies/window.hpp>

#include <string>
#include <vector>

namespace sta {

/// Holds nothing of the metadata. Immutable: calls of one plan may run at once.
class Schedule {
 public:
  /// `strategy_file` may be empty. INVALID_ARGUMENT when problem and metadata do not fit, naming the key.
  Schedule(const fvattn_problem& p, const Metadata& metadata, const std::string& strategy_file);

  /// One window for each head of the call, or null when all of them are full: dense attention. INVALID_ARGUMENT for a step
  /// that the strategy does not have. total_steps: 0 unknown.
  const Extent3* windows_at(int64_t step, int64_t total_steps) const;
  /// The same for a candidate of the search.
  const Extent3* candidate(int i) const;
  int candidates() const { return candidates_; }
  /// A full window for each head.
  const Extent3* full() const { return full_.data(); }
  bool depends_on_step() const { return steps_ > 1 || !dense_steps_.empty(); }

  /// raster row of each row of the call's tensors; empty when they are the same.
  const std::vector<int>& raster_rows() const { return raster_rows_; }

  /// The call's tensors are in tile order.
  bool tiled() const { return !raster_rows_.empty(); }
  /// Tokens of the grid and of text.
  int rows() const { return grid_.volume() + text_; }

  /// The policy of an engine whose tiles have this many slots. `windows`: not null.
  fvattn::engine::WindowPolicy policy(const Extent3* windows, int q_slots, int kv_slots) const;
  /// What a query tile of text costs, which sees everything, in query tiles of the grid: the mean over the heads, rounded.
  int text_rounds(const Extent3* windows, int heads, int q_slots, int kv_slots) const;
  /// body(policy) with the policy that serves these windows on the cpu engine.
  template <class Body>
  void visit(const Extent3* windows, int q_slots, int kv_slots, Body&& body) const {
    using namespace fvattn::engine;
    const LinearMap all{rows()};
    if (windows) body(policy(windows, q_slots, kv_slots));
    else body(DensePolicy<false>{all, all});
  }

 private:
  void use_windows(const std::vector<Window>& windows, const fvattn_problem& p);
  void use_strategy(const Strategy& strategy, const fvattn_problem& p);
  Extent3 extent(const Window& window) const;
  int row_at(int64_t step, int64_t total_steps) const;
  /// `row` itself, or null if every window of it covers the grid.
  const Extent3* unless_full(const Extent3* row) const;

  Extent3 grid_, tile_, tiles_;
  int text_, heads_, layer_, head_offset_;
  bool rescale_;
  std::vector<int64_t> dense_steps_;
  int steps_ = 0;                 // of the strategy; 0: one row of windows holds for every step
  std::vector<Extent3> windows_;  // [steps][heads]; t = -1: missing; empty: full at every step
  int candidates_ = 0;
  std::vector<Extent3> candidate_windows_;  // [candidates][heads]
  std::vector<Extent3> full_;               // [heads]
  std::vector<int> raster_rows_;
};

}  // namespace sta
