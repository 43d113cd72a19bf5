// d_q summed in float32 by atomics, in the order of the accumulators' registers: neighbouring lanes add neighbouring
// addresses, and the pass that rounds d_q reads the registers back as they were.
#pragma once

#include <fvattn/engine/sm80/backward_params.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/warp_product.cuh>

namespace fvattn::engine::sm80 {

/// The accumulators of a query tile: kTileQ * kHeadDim floats.
template <class Config>
__device__ __forceinline__ float* d_q_tile(const BackwardParams& params, const WorkItem& item) {
  const std::int64_t tile =
      (static_cast<std::int64_t>(item.batch) * params.args.q_heads + item.head) * params.q_tiles + item.q_tile;
  return params.d_q_sum + tile * (Config::kTileQ * Config::kHeadDim);
}

/// d_q_sum += dS K for one visit. `base` is the CTA's shared memory.
template <class Config, class Element>
__device__ __forceinline__ void add_query_gradients(const BackwardParams& params, const WorkItem& item,
                                                    std::uint32_t base) {
  const int thread = fresh_thread_index(), warp = thread / kLanes;
  const int q_warp = warp / Config::kDqDimWarps, dim_warp = warp % Config::kDqDimWarps;
  Accumulator<Config::kDqM, Config::kDqN> d_q;
  clear(d_q);
  multiply<Element, Config::kTileKv / kFragment>(
      d_q, a_operand<typename Config::ScoreLayout, false>(base + Config::kDsOffset, q_warp * Config::kDqM, 0),
      b_operand<typename Config::Layout, true, Config::kDqDimWarps>(base + Config::kKOffset, 0, dim_warp));
  float* const target = d_q_tile<Config>(params, item);
#pragma unroll
  for (int m = 0; m < Config::kDqM; ++m) {
#pragma unroll
    for (int n = 0; n < 2 * Config::kDqN; ++n) {
      atomic_add_fragment<Config::kThreads>(target, m * 2 * Config::kDqN + n, thread, d_q[m][n]);
    }
  }
}

}  // namespace fvattn::engine::sm80
