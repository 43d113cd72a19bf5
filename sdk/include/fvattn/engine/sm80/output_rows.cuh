// Where the rows of a query tile are written.
#pragma once

#include <fvattn/engine/sm80/copy.cuh>

namespace fvattn::engine::sm80 {

/// A policy whose queries are gathered writes partial results to rows of their own: an optional member o_map, a token
/// map like q_map, gives the rows of o, lse and (backward) d_q. Without it they are the query rows.
template <class Policy>
concept HasOutputMap = requires(const Policy& policy) { policy.o_map; };

template <int kRows, int kThreads, class Policy>
__device__ __forceinline__ void fill_output_rows(int* table, const Policy& policy, const WorkItem& item, int tile) {
  if constexpr (HasOutputMap<Policy>) {
    fill_rows<kRows, kThreads>(table, policy.o_map, item, tile);
  } else {
    fill_rows<kRows, kThreads>(table, policy.q_map, item, tile);
  }
}

}  // namespace fvattn::engine::sm80
