// From q and k to the chunks of each query, one batch entry at a time.
#pragma once

#include "../chunks/limits.hpp"
#include "chunks.hpp"
#include "choice_bits.hpp"
#include "cut_domains.cuh"
#include "filter_rows.cuh"

#include <optional>

namespace vmoba::gpu {

/// Whether filter_rows() selects: queries of one sequence each choose for themselves, among chunks whose gates a block of
/// the device can hold.
bool filters_rows(const fvattn_problem& p, const Config& config, const Limits& limits, uint64_t shared_bytes);

class Selection {
 public:
  /// Takes its memory from `workspace`: the same with a measuring one. `filters`: what filters_rows() said of the plan.
  Selection(const fvattn_problem& p, const Config& config, const Limits& limits, bool filters,
            fvattn::plugin::Workspace& workspace);

  /// The bits of one batch entry, on the call's stream: those of the CPU.
  void run(const fvattn::plugin::Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const;

 private:
  template <class Element>
  void run_as(const fvattn::plugin::Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const;

  const fvattn_problem& problem_;
  Rule rule_;
  double* means_;
  std::optional<MeanParts> parts_;  // where filter_rows() selects
  GateStore gates_;
  std::optional<DomainCuts> cuts_;
};

}  // namespace vmoba::gpu
