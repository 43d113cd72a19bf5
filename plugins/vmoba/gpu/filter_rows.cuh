// Selection in the domain of one (head, query) without a store of gates: gates by 16-bit matrix products, a choice where
// their errors cannot change it, exact gates and the rule itself for the other rows.
#pragma once

#include "choice_bits.hpp"
#include "mean_parts.cuh"
#include "rows.cuh"

#include "../selection/rule.hpp"

#include <cuda_runtime_api.h>

namespace vmoba::gpu {

inline constexpr int kFilterPlaces = 64;  // of a block, and chunks at a time

/// Shared memory of a block: its queries, chunks, gates [places][an odd number], and what it knows of each query.
inline int64_t filter_bytes(int kernel_dim, int64_t chunks) {
  return int64_t{2} * kFilterPlaces * kernel_dim * 2 + int64_t{kFilterPlaces} * (chunks | 1) * 4 + 5 * kFilterPlaces * 4;
}

struct FilterArguments {
  Chunks chunks;  // of one sequence
  int group;      // query heads of a key head
  const double* means;
  MeanParts parts;
  Rule rule;
  ChoiceBits bits;
};

/// Writes every word of the bits: what select_rows() would choose. q: 16-byte aligned rows.
template <int kHeadDim, class Element>
cudaError_t filter_rows(const EntryRows<Element>& q, const FilterArguments& arguments, cudaStream_t stream);

}  // namespace vmoba::gpu
