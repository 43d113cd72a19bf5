// The forward kernel: FlashAttention-2's loop for any policy. One CTA is one query tile of one head; its warps own
// query rows and never exchange results, so the output repeats bitwise.
#pragma once

#include <fvattn/engine/sm80/copy.cuh>
#include <fvattn/engine/sm80/epilogue.cuh>
#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/engine/sm80/forward_config.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/mask.cuh>
#include <fvattn/engine/sm80/online_softmax.cuh>
#include <fvattn/engine/sm80/warp_product.cuh>

namespace fvattn::engine::sm80 {

struct ForwardParams {
  ForwardArgs args;
  int group;         // query heads of a key head
  float scale_log2;  // |scale| * log2(e), at least the smallest normal number
  bool negate;       // the scale is negative: the queries change sign
};

/// Rounds the output, gathers it in the warp's own rows of the query tile, and writes it with 16-byte stores; then the
/// log-sum-exp. Every warp works for itself.
template <class Config, class Element, int kN8>
__device__ __forceinline__ void write_rows(const ForwardArgs& args, const WorkItem& item, unsigned char* q_tile,
                                           const int* rows, int row0, const float (&out)[Config::kRowBlocks][kN8][4],
                                           const float (&lse)[Config::kRowBlocks][2]) {
  using Layout = typename Config::Layout;
  const int lane = thread_index() % kLanes;
  warp_sync();
  store_accumulator<Layout, Element>(q_tile, row0, 0, out, thread_index());
  warp_sync();
  store_rows<Layout, Config::kRowBlocks * kFragment, kLanes>(
      q_tile, rows, row0, lane, head_rows<Element>(args.o, item.batch, item.head, args.head_dim));
  if (args.lse.data == nullptr || lane % 4 != 0) return;
  float* const target = args.lse.data + item.batch * args.lse.batch_stride + item.head * args.lse.head_stride;
#pragma unroll
  for (int m = 0; m < Config::kRowBlocks; ++m) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int row = rows[row0 + m * kFragment + accumulator_row(lane, 2 * i)];
      if (row >= 0) target[row] = lse[m][i];
    }
  }
}

template <class Config, class Element, class Policy, class Epilogue>
__global__ void __launch_bounds__(Config::kThreads, Config::kCtas)
    forward_kernel(const __grid_constant__ ForwardParams params, const __grid_constant__ Policy policy,
                   const __grid_constant__ Epilogue epilogue) {
  using Shape = typename Config::Shape;
  using Layout = typename Config::Layout;
  constexpr int kTileKv = Config::kTileKv, kThreads = Config::kThreads, kRowBlocks = Config::kRowBlocks;
  constexpr int kStages = Config::kStages;

  unsigned char* const shared = shared_memory();
  int* const q_rows = reinterpret_cast<int*>(shared + Config::kQRowsOffset);
  int* const kv_rows = reinterpret_cast<int*>(shared + Config::kKvRowsOffset);
  const std::uint32_t q_tile = shared_address(shared + Config::kQOffset);
  const std::uint32_t k_tiles = shared_address(shared + Config::kKOffset);
  const std::uint32_t v_tiles = shared_address(shared + Config::kVOffset);

  // From the last query tile down: in causal schedules the longest come first.
  const WorkItem item{static_cast<int>(grid_size().x - 1 - block_index().x), static_cast<int>(block_index().y),
                      static_cast<int>(block_index().z)};
  const int kv_head = item.head / params.group;
  const int row0 = thread_index() / kLanes * kRowBlocks * kFragment;
  const auto k_rows = head_rows<Element>(params.args.k, item.batch, kv_head, params.args.head_dim);
  const auto v_rows = head_rows<Element>(params.args.v, item.batch, kv_head, params.args.head_dim);
  const int steps = policy.template steps<Shape>(item);

  // Row tables run kStages steps ahead of the step computed; tiles[i] is the key tile of the step i ahead.
  int tiles[kStages + 1] = {};
#pragma unroll
  for (int i = 0; i < kStages; ++i) {
    tiles[i] = i < steps ? policy.template kv_tile<Shape>(item, i) : 0;
    if (i < steps) fill_rows<kTileKv, kThreads>(kv_rows + i * kTileKv, policy.kv_map, item, tiles[i]);
  }
  fill_rows<Config::kTileQ, kThreads>(q_rows, policy.q_map, item, item.q_tile);
  block_sync();

  Accumulator<kRowBlocks, Config::kHeadDim / kFragment> out;
  clear(out);
  OnlineSoftmax<kRowBlocks> softmax;
  softmax.start();

  if (steps > 0) {
    load_tile<Layout, Config::kTileQ, kThreads>(
        q_tile, q_rows, head_rows<Element>(params.args.q, item.batch, item.head, params.args.head_dim));
    load_tile<Layout, kTileKv, kThreads>(k_tiles, kv_rows, k_rows);
    if constexpr (kStages == 2) load_tile<Layout, kTileKv, kThreads>(v_tiles, kv_rows, v_rows);
    copy_async_commit();
    if (params.negate) {
      copy_async_wait<0>();
      negate_own_chunks<Layout, Config::kTileQ, kThreads>(shared + Config::kQOffset);
    }
  }

  for (int step = 0; step < steps; ++step) {
    const bool more = step + 1 < steps;
    const int* const rows_now = kv_rows + step % 2 * kTileKv;
    const int* const rows_next = kv_rows + (step + 1) % 2 * kTileKv;
    const int stage = kStages == 2 ? step % 2 * Config::kKvBytes : 0;

    copy_async_wait<0>();
    block_sync();  // this step's K (and V) are here, and every warp is done with the step before
    if constexpr (kStages == 1) {
      load_tile<Layout, kTileKv, kThreads>(v_tiles, rows_now, v_rows);
    } else if (more) {
      load_tile<Layout, kTileKv, kThreads>(k_tiles + (Config::kKvBytes - stage), rows_next, k_rows);
      load_tile<Layout, kTileKv, kThreads>(v_tiles + (Config::kKvBytes - stage), rows_next, v_rows);
    }
    copy_async_commit();
    if (step + kStages < steps) {
      tiles[kStages] = policy.template kv_tile<Shape>(item, step + kStages);
      fill_rows<kTileKv, kThreads>(kv_rows + (step + kStages) % 2 * kTileKv, policy.kv_map, item, tiles[kStages]);
    }

    Accumulator<kRowBlocks, kTileKv / kFragment> scores;
    clear(scores);
    // The operands are made where they are used: addresses kept over the loop cost registers that are not there.
    multiply<Element, Config::kHeadDim / kFragment>(
        scores, a_operand<Layout, false>(q_tile, row0 / kFragment, 0, thread_index()),
        b_operand<Layout, false>(k_tiles + stage, 0, 0, thread_index()));
    if (policy.template needs_mask<Shape>(item, tiles[0])) {
      replace_hidden(scores, policy.template mask<Shape>(item, tiles[0]), row0, 0, -INFINITY, thread_index());
    }

    if constexpr (kStages == 1) {
      copy_async_wait<0>();
      block_sync();  // V is here, and every warp is done with K
      if (more) load_tile<Layout, kTileKv, kThreads>(k_tiles, rows_next, k_rows);
      copy_async_commit();
    }

    std::uint32_t probabilities[kRowBlocks][kTileKv / kFragment][4];
    softmax.template update<Element>(scores, probabilities, out, params.scale_log2);
    multiply<Element>(out, probabilities, b_operand<Layout, true>(v_tiles + stage, 0, 0, thread_index()));
#pragma unroll
    for (int i = 0; i < kStages; ++i) tiles[i] = tiles[i + 1];
  }

  softmax.finish(out, params.scale_log2);
  epilogue.template apply<Element, 1>(item, q_rows, row0, 0, out);
  if constexpr (HasOutputMap<Policy>) {
    block_sync();
    fill_rows<Config::kTileQ, kThreads>(q_rows, policy.o_map, item, item.q_tile);
    block_sync();
  }
  write_rows<Config, Element>(params.args, item, shared + Config::kQOffset, q_rows, row0, out, softmax.sum);
}

}  // namespace fvattn::engine::sm80
