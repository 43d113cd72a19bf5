// Selection in domains of many queries, by radix refinement as selection/domain.hpp: no sort, no list of entries.
#pragma once

#include "../selection/rule.hpp"
#include "choice_bits.hpp"
#include "gates.cuh"

#include <fvattn/plugin/workspace.hpp>

namespace vmoba::gpu {

/// Where a domain is cut: entries with a larger key are chosen, and those with this key whose index in the gate store is
/// below tie_end.
struct Cut {
  std::uint32_t key;
  long long tie_end;
};

struct Bin;
struct DomainCut;

/// Domains of one sequence. `block` has one a chunk, head_global one a head, overall one.
inline int domains_of_sequence(const Rule& rule, int of_sequence, int heads) {
  return rule.domain == Domain::block ? of_sequence : rule.domain == Domain::head_global ? heads : 1;
}

/// Cuts all domains of the sequences; many blocks share one.
class DomainCuts {
 public:
  /// entries: of a domain at most.
  DomainCuts(int sequences, int domains_of_sequence, int64_t entries, fvattn::plugin::Workspace& workspace);

  /// On the stream. Sums of shares are integers of 2^-32, so that their order does not matter.
  cudaError_t find(const Chunks& chunks, const GateStore& gates, const Rule& rule, cudaStream_t stream) const;
  /// cuts()[sequence * domains_of_sequence + domain].
  const Cut* cuts() const { return cuts_; }

 private:
  int count_, together_, parts_;
  Cut* cuts_;
  // Of the domains that run together: their state, their digit's bins, what each block saw, blocks that are done.
  DomainCut* states_;
  Bin* bins_;
  double* seen_;
  int* blocks_done_;
};

/// Writes every word of the bits: own chunks, and what the cuts choose.
cudaError_t mark_chosen(const Chunks& chunks, const GateStore& gates, const Rule& rule, const Cut* cuts,
                        const ChoiceBits& bits, cudaStream_t stream);

}  // namespace vmoba::gpu
