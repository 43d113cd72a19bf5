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

/// Floats of a row of gates: the next odd multiple of 8, so that two threads a row read it without bank conflicts.
FVATTN_BOTH constexpr int filter_stride(int chunks) { return (engine::ceil_div(chunks, 8) | 1) * 8; }

/// Shared memory of a block: two tiles of queries or chunks, gates, and what it knows of each query.
inline int64_t filter_bytes(int kernel_dim, int64_t chunks) {
  return int64_t{2} * kFilterPlaces * kernel_dim * 2 + int64_t{kFilterPlaces} * filter_stride(static_cast<int>(chunks)) * 4 +
         5 * kFilterPlaces * 4;
}

struct FilterArguments {
  Chunks chunks;  // of one sequence
  int group;      // query heads of a key head
  MeanParts parts;
  Rule rule;
  ChoiceBits bits;
};

/// Writes every word of the bits: what select_rows() would choose. q: 16-byte aligned rows.
template <int kHeadDim, class Element>
cudaError_t filter_rows(const EntryRows<Element>& q, const FilterArguments& arguments, cudaStream_t stream);

}  // namespace vmoba::gpu
