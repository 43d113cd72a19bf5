// Selection in domains of many queries, by radix refinement as selection/domain.hpp: no sort, no list of entries.
#pragma once

#include "../selection/rule.hpp"
#include "choice_bits.hpp"
#include "gates.cuh"

namespace vmoba::gpu {

/// Where a domain is cut: entries with a larger key are chosen, and those with this key whose index in the gate store is
/// below tie_end.
struct Cut {
  std::uint32_t key;
  long long tie_end;
};

/// Domains of one sequence. `block` has one a chunk, head_global one a head, overall one.
inline int domains_of_sequence(const Rule& rule, int of_sequence, int heads) {
  return rule.domain == Domain::block ? of_sequence : rule.domain == Domain::head_global ? heads : 1;
}

/// cuts[sequence * domains_of_sequence + domain]. Sums of shares are integers of 2^-32, so that their order does not matter.
cudaError_t cut_domains(const Chunks& chunks, const GateStore& gates, const Rule& rule, Cut* cuts, cudaStream_t stream);

/// Writes every word of the bits: own chunks, and what the cuts choose.
cudaError_t mark_chosen(const Chunks& chunks, const GateStore& gates, const Rule& rule, const Cut* cuts,
                        const ChoiceBits& bits, cudaStream_t stream);

}  // namespace vmoba::gpu
