// Backward with a query tile stationary: d_q alone, by the forward schedule, without atomics. Its warps own query rows
// and never exchange results, so it repeats bitwise.
#pragma once

#include <fvattn/engine/sm80/backward_config.hpp>
#include <fvattn/engine/sm80/backward_params.hpp>
#include <fvattn/engine/sm80/backward_scores.cuh>
#include <fvattn/engine/sm80/copy.cuh>
#include <fvattn/engine/sm80/epilogue.cuh>
#include <fvattn/engine/sm80/warp_product.cuh>

namespace fvattn::engine::sm80 {

template <class Config, class Element, class Policy, class Epilogues>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtas)
    backward_q_kernel(const __grid_constant__ BackwardParams params, const __grid_constant__ Policy policy,
                      const __grid_constant__ Epilogues epilogues) {
  using Shape = typename Config::Shape;
  using Layout = typename Config::Layout;
  constexpr int kTileQ = Config::kTileQ, kTileKv = Config::kTileKv, kSubKv = Config::kSubKv, kThreads = Config::kThreads;
  constexpr int kRowBlocks = Config::kRowBlocks, kDimBlocks = Config::kHeadDim / kFragment;

  unsigned char* const shared = shared_memory();
  const std::uint32_t base = shared_address(shared);
  int* const q_rows = reinterpret_cast<int*>(shared + Config::kQRowsOffset);
  int* const kv_rows = reinterpret_cast<int*>(shared + Config::kKvRowsOffset);
  const WorkItem item{static_cast<int>(grid_size().x - 1 - block_index().x), static_cast<int>(block_index().y),
                      static_cast<int>(block_index().z)};
  const int kv_head = item.head / params.group, head_dim = params.args.head_dim;
  const int lane = thread_index() % kLanes, row0 = thread_index() / kLanes * kRowBlocks * kFragment;
  const auto k_rows = head_rows<Element>(params.args.k, item.batch, kv_head, head_dim);
  const auto v_rows = head_rows<Element>(params.args.v, item.batch, kv_head, head_dim);
  const int steps = policy.template steps<Shape>(item);

  int tile = steps > 0 ? policy.template kv_tile<Shape>(item, 0) : 0;
  if (steps > 0) fill_rows<kTileKv, kThreads>(kv_rows, policy.kv_map, item, tile);
  fill_rows<kTileQ, kThreads>(q_rows, policy.q_map, item, item.q_tile);
  block_sync();
  if (steps > 0) {
    load_tile<Layout, kTileQ, kThreads>(base + Config::kQOffset, q_rows,
                                        head_rows<Element>(params.args.q, item.batch, item.head, head_dim));
    load_tile<Layout, kTileQ, kThreads>(base + Config::kDoOffset, q_rows,
                                        head_rows<Element>(params.args.d_o, item.batch, item.head, head_dim));
    load_tile<Layout, kSubKv, kThreads>(base + Config::kKOffset, kv_rows, k_rows);
    load_tile<Layout, kSubKv, kThreads>(base + Config::kVOffset, kv_rows, v_rows);
    copy_async_commit();
  }
  float lse2[kRowBlocks][2], delta[kRowBlocks][2];
#pragma unroll
  for (int m = 0; m < kRowBlocks; ++m) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = q_rows[row0 + m * kFragment + accumulator_row(lane, 2 * i)];
      const std::int64_t at = params.row_values(item.batch, item.head) + row;
      lse2[m][i] = row >= 0 ? params.lse2[at] : 0.0f;
      delta[m][i] = row >= 0 ? params.delta[at] : 0.0f;
    }
  }

  Accumulator<kRowBlocks, kDimBlocks> d_q;
  clear(d_q);
  const auto q = a_operand<Layout, false>(base + Config::kQOffset, row0 / kFragment, 0);
  const auto d_o = a_operand<Layout, false>(base + Config::kDoOffset, row0 / kFragment, 0);
  for (int step = 0; step < steps; ++step) {
    const int* const rows_now = kv_rows + step % 2 * kTileKv;
    int* const rows_next = kv_rows + (step + 1) % 2 * kTileKv;
    const bool more = step + 1 < steps;
    const int next_tile = more ? policy.template kv_tile<Shape>(item, step + 1) : 0;
    const bool masked = policy.template needs_mask<Shape>(item, tile);
    // Not unrolled: the body is long.
#pragma unroll 1
    for (int sub = 0; sub < Config::kSubs; ++sub) {
      const int ring = (step * Config::kSubs + sub) % 2 * Config::kSubBytes, other = Config::kSubBytes - ring;
      const bool last = sub == Config::kSubs - 1;
      copy_async_wait<0>();
      block_sync();  // these keys are here, and every warp is done with the ones before
      if (!last || more) {
        const int* const rows = last ? rows_next : rows_now + (sub + 1) * kSubKv;
        load_tile<Layout, kSubKv, kThreads>(base + Config::kKOffset + other, rows, k_rows);
        load_tile<Layout, kSubKv, kThreads>(base + Config::kVOffset + other, rows, v_rows);
      }
      copy_async_commit();
      if (sub == 0 && more) fill_rows<kTileKv, kThreads>(rows_next, policy.kv_map, item, next_tile);

      const std::uint32_t k_tile = base + Config::kKOffset + ring, v_tile = base + Config::kVOffset + ring;
      Accumulator<kRowBlocks, kSubKv / kFragment> p, d_s;
      clear(p);
      multiply<Element, kDimBlocks>(p, q, b_operand<Layout, false>(k_tile, 0, 0));
      probabilities_from_lse(p, lse2, params.scale_log2);
      if (masked) replace_hidden(p, policy.template mask<Shape>(item, tile), row0, sub * kSubKv, 0.0f);
      clear(d_s);
      multiply<Element, kDimBlocks>(d_s, d_o, b_operand<Layout, false>(v_tile, 0, 0));
      score_gradients(d_s, p, delta);
      std::uint32_t rounded[kRowBlocks][kSubKv / kFragment][4];
      pack_blocks<Element>(rounded, d_s);
      multiply<Element>(d_q, rounded, b_operand<Layout, true>(k_tile, 0, 0));
    }
    tile = next_tile;
  }

  block_sync();
  scale_all(d_q, params.args.scale);
  epilogues.d_q.template apply<Element, 1>(item, q_rows, row0, 0, d_q);
  if constexpr (HasOutputMap<Policy>) fill_rows<kTileQ, kThreads>(q_rows, policy.o_map, item, item.q_tile);
  store_accumulator<Layout, Element>(shared + Config::kQOffset, row0, 0, d_q);
  block_sync();
  store_rows<Layout, kTileQ, kThreads>(shared + Config::kQOffset, q_rows, 0, thread_index(),
                                       head_rows<Element>(params.args.d_q, item.batch, item.head, head_dim));
}

}  // namespace fvattn::engine::sm80
