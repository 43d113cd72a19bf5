// From q and k to the chunks of each query, one batch entry at a time.
#pragma once

#include "../chunks/limits.hpp"
#include "chunks.hpp"
#include "choice_bits.hpp"
#include "cut_domains.cuh"

namespace vmoba::gpu {

class Selection {
 public:
  /// Takes its memory from `workspace`: the same with a measuring one.
  Selection(const fvattn_problem& p, const Config& config, const Limits& limits, fvattn::plugin::Workspace& workspace);

  /// The bits of one batch entry, on the call's stream: those of the CPU.
  void run(const fvattn::plugin::Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const;

 private:
  template <class Element>
  void run_as(const fvattn::plugin::Call& call, const Chunks& chunks, int64_t batch, const ChoiceBits& bits) const;

  const fvattn_problem& problem_;
  Rule rule_;
  double* means_;
  GateStore gates_;
  Cut* cuts_ = nullptr;
};

}  // namespace vmoba::gpu
