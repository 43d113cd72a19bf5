// Scales and rounds the float32 sums of d_q and writes them to the tensor.
#pragma once

#include <fvattn/engine/sm80/backward_config.hpp>
#include <fvattn/engine/sm80/backward_params.hpp>
#include <fvattn/engine/sm80/copy.cuh>
#include <fvattn/engine/sm80/d_q_sum.cuh>
#include <fvattn/engine/sm80/epilogue.cuh>

namespace fvattn::engine::sm80 {

/// Shared memory: a query tile and its row table.
template <class Config>
inline constexpr int kRoundSharedBytes = Config::kQBytes + Config::kTileQ * 4;

/// One query tile a CTA; each thread takes back the registers of its namesake in backward_kv_kernel.
template <class Config, class Element, class Policy, class Epilogues>
__global__ void __launch_bounds__(Config::kThreads)
    backward_round_kernel(const __grid_constant__ BackwardParams params, const __grid_constant__ Policy policy,
                          const __grid_constant__ Epilogues epilogues) {
  using Layout = typename Config::Layout;
  unsigned char* const shared = shared_memory();
  int* const rows = reinterpret_cast<int*>(shared + Config::kQBytes);
  const WorkItem item{static_cast<int>(block_index().x), static_cast<int>(block_index().y),
                      static_cast<int>(block_index().z)};
  fill_rows<Config::kTileQ, Config::kThreads>(rows, output_map(policy), item, item.q_tile);
  block_sync();

  const int warp = thread_index() / kLanes;
  const int q_warp = warp / Config::kDqDimWarps, dim_warp = warp % Config::kDqDimWarps;
  const float* const sums = d_q_tile<Config>(params, item);
  Accumulator<Config::kDqM, Config::kDqN> d_q;
#pragma unroll
  for (int m = 0; m < Config::kDqM; ++m) {
#pragma unroll
    for (int n = 0; n < 2 * Config::kDqN; ++n) {
      load_fragment<Config::kThreads>(d_q[m][n], sums, m * 2 * Config::kDqN + n, thread_index());
#pragma unroll
      for (int r = 0; r < 4; ++r) d_q[m][n][r] *= params.args.scale;
    }
  }
  const int row0 = q_warp * Config::kDqM * kFragment;
  epilogues.d_q.template apply<Element, Config::kDqDimWarps>(item, rows, row0, 2 * dim_warp, d_q);
  store_accumulator<Layout, Element, Config::kDqDimWarps>(shared, row0, 2 * dim_warp, d_q);
  block_sync();
  store_rows<Layout, Config::kTileQ, Config::kThreads>(
      shared, rows, 0, thread_index(),
      head_rows<Element>(params.args.d_q, item.batch, item.head, params.args.head_dim));
}

}  // namespace fvattn::engine::sm80
