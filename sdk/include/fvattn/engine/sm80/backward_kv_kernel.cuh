// Backward with a key tile stationary (FlashAttention-2): d_k and d_v of the tile summed over every query tile that sees
// it and over the query heads of its group; d_q too, by atomic additions, when kWithDq. Without, results repeat bitwise.
#pragma once

#include <fvattn/engine/sm80/backward_config.hpp>
#include <fvattn/engine/sm80/backward_params.hpp>
#include <fvattn/engine/sm80/backward_scores.cuh>
#include <fvattn/engine/sm80/copy.cuh>
#include <fvattn/engine/sm80/d_q_sum.cuh>
#include <fvattn/engine/sm80/epilogue.cuh>
#include <fvattn/engine/sm80/query_cursor.cuh>
#include <fvattn/engine/sm80/warp_product.cuh>

namespace fvattn::engine::sm80 {

/// Starts the copy of a query tile's Q, log-sum-exp and delta into stage `stage`.
template <class Config, class Element>
__device__ __forceinline__ void load_queries(const BackwardParams& params, const QueryVisit& visit, unsigned char* shared,
                                             const int* rows, int stage) {
  const int slot = fresh_thread_index();
  load_tile<typename Config::Layout, Config::kTileQ, Config::kThreads>(
      shared_address(shared + Config::kQOffset + stage * Config::kQBytes), rows,
      head_rows<Element>(params.args.q, visit.item.batch, visit.item.head, params.args.head_dim), slot);
  if (slot >= Config::kTileQ) return;
  const std::int64_t at = params.row_values(visit.item.batch, visit.item.head);
  const int row = rows[slot];
  const bool valid = row >= 0;
  const std::uint32_t target = shared_address(shared) + (stage * Config::kTileQ + slot) * 4;
  copy_async_4(target + Config::kLseOffset, params.lse2 + at + (valid ? row : 0), valid);
  copy_async_4(target + Config::kDeltaOffset, params.delta + at + (valid ? row : 0), valid);
}

template <class Config, class Element>
__device__ __forceinline__ void load_output_gradients(const BackwardParams& params, const QueryVisit& visit,
                                                      unsigned char* shared, const int* rows) {
  load_tile<typename Config::Layout, Config::kTileQ, Config::kThreads>(
      shared_address(shared + Config::kDoOffset), rows,
      head_rows<Element>(params.args.d_o, visit.item.batch, visit.item.head, params.args.head_dim), fresh_thread_index());
}

/// The values of the lane's rows from a table in shared memory.
template <int kM>
__device__ __forceinline__ void load_row_values(float (&values)[kM][2], const unsigned char* table, int row0) {
  const int lane = fresh_thread_index() % kLanes;
  const float* const first = reinterpret_cast<const float*>(table) + row0 + accumulator_row(lane, 0);
#pragma unroll
  for (int m = 0; m < kM; ++m) {
    values[m][0] = first[m * kFragment];
    values[m][1] = first[m * kFragment + 8];
  }
}

/// P and dS of one visit, rounded, into shared memory.
template <class Config, class Element, class Policy>
__device__ __forceinline__ void compute_scores(const BackwardParams& params, const Policy& policy, const WorkItem& item,
                                               int kv_tile, unsigned char* shared, int stage) {
  using Layout = typename Config::Layout;
  constexpr int kM = Config::kScoreM, kN = Config::kScoreN, kK = Config::kHeadDim / kFragment;
  const int warp = fresh_thread_index() / kLanes;
  const int q_warp = warp / Config::kScoreKeyWarps, key_warp = warp % Config::kScoreKeyWarps;
  const int row0 = q_warp * kM * kFragment, column0 = key_warp * kN * kFragment;
  const std::uint32_t base = shared_address(shared);

  Accumulator<kM, kN> p;
  clear(p);
  multiply<Element, kK>(p, a_operand<Layout, false>(base + Config::kQOffset + stage * Config::kQBytes, q_warp * kM, 0),
                        b_operand<Layout, false>(base + Config::kKOffset, key_warp * kN, 0));
  float row_values[kM][2];
  load_row_values(row_values, shared + Config::kLseOffset + stage * Config::kTileQ * 4, row0);
  probabilities_from_lse(p, row_values, params.scale_log2);
  if (policy.template needs_mask<typename Config::Shape>(item, kv_tile)) {
    replace_hidden(p, policy.template mask<typename Config::Shape>(item, kv_tile), row0, column0, 0.0f);
  }
  store_accumulator<typename Config::ScoreLayout, Element>(shared + Config::kPOffset, row0, column0 / kChunkElements, p);

  Accumulator<kM, kN> d_s;
  clear(d_s);
  multiply<Element, kK>(d_s, a_operand<Layout, false>(base + Config::kDoOffset, q_warp * kM, 0),
                        b_operand<Layout, false>(base + Config::kVOffset, key_warp * kN, 0));
  load_row_values(row_values, shared + Config::kDeltaOffset + stage * Config::kTileQ * 4, row0);
  score_gradients(d_s, p, row_values);
  store_accumulator<typename Config::ScoreLayout, Element>(shared + Config::kDsOffset, row0, column0 / kChunkElements, d_s);
}

/// acc += scores^T * rows: d_v from P and dO, d_k from dS and Q.
template <class Config, class Element>
__device__ __forceinline__ void add_key_products(float (&acc)[Config::kKeyM][2 * Config::kKeyN][4], std::uint32_t scores,
                                                 std::uint32_t rows) {
  const int warp = fresh_thread_index() / kLanes;
  const int key_warp = warp / Config::kKeyDimWarps, dim_warp = warp % Config::kKeyDimWarps;
  multiply<Element, Config::kTileQ / kFragment>(
      acc, a_operand<typename Config::ScoreLayout, true>(scores, 0, key_warp * Config::kKeyM),
      b_operand<typename Config::Layout, true, Config::kKeyDimWarps>(rows, 0, dim_warp));
}

template <class Config, bool kWithDq, class Element, class Policy, class Epilogues>
__global__ void __launch_bounds__(Config::kThreads)
    backward_kv_kernel(const __grid_constant__ BackwardParams params, const __grid_constant__ Policy policy,
                       const __grid_constant__ Epilogues epilogues) {
  using Shape = typename Config::Shape;
  using Layout = typename Config::Layout;
  constexpr int kTileQ = Config::kTileQ, kTileKv = Config::kTileKv, kThreads = Config::kThreads;
  constexpr int kStages = Config::kQStages;

  unsigned char* const shared = shared_memory();
  const std::uint32_t base = shared_address(shared);
  int* const q_rows = reinterpret_cast<int*>(shared + Config::kQRowsOffset);
  int* const kv_rows = reinterpret_cast<int*>(shared + Config::kKvRowsOffset);
  const int kv_tile = static_cast<int>(block_index().x), kv_head = static_cast<int>(block_index().y);
  const int batch = static_cast<int>(block_index().z), head_dim = params.args.head_dim;
  const WorkItem kv_item{kv_tile, kv_head * params.group, batch};

  QueryCursor<Shape, Policy> cursor(policy, kv_tile, batch, kv_item.head, params.group);
  QueryVisit now = cursor.next(), next = cursor.next();
  fill_rows<kTileKv, kThreads>(kv_rows, policy.kv_map, kv_item, kv_tile);
  if (now.valid) fill_rows<kTileQ, kThreads>(q_rows, policy.q_map, now.item, now.item.q_tile);
  if (next.valid) fill_rows<kTileQ, kThreads>(q_rows + kTileQ, policy.q_map, next.item, next.item.q_tile);
  block_sync();

  Accumulator<Config::kKeyM, Config::kKeyN> d_k, d_v;
  clear(d_k);
  clear(d_v);
  if (now.valid) {
    load_tile<Layout, kTileKv, kThreads>(base + Config::kKOffset, kv_rows,
                                         head_rows<Element>(params.args.k, batch, kv_head, head_dim));
    load_tile<Layout, kTileKv, kThreads>(base + Config::kVOffset, kv_rows,
                                         head_rows<Element>(params.args.v, batch, kv_head, head_dim));
    load_queries<Config, Element>(params, now, shared, q_rows, 0);
    load_output_gradients<Config, Element>(params, now, shared, q_rows);
    copy_async_commit();
  }

  for (int visit = 0; now.valid; ++visit) {
    const int stage = kStages == 2 ? visit % 2 : 0;
    int* const rows_now = q_rows + visit % 2 * kTileQ;
    const int* const rows_next = q_rows + (visit + 1) % 2 * kTileQ;
    copy_async_wait<0>();
    block_sync();  // this visit's Q and dO are here, and every warp is done with the visit before
    if constexpr (kStages == 2) {
      if (next.valid) load_queries<Config, Element>(params, next, shared, rows_next, 1 - stage);
      copy_async_commit();
    }
    const QueryVisit after = cursor.next();
    if (after.valid) {
      fill_rows<kTileQ, kThreads>(rows_now, policy.q_map, after.item, after.item.q_tile, fresh_thread_index());
    }

    compute_scores<Config, Element>(params, policy, now.item, kv_tile, shared, stage);
    block_sync();  // P and dS are whole
    add_key_products<Config, Element>(d_v, base + Config::kPOffset, base + Config::kDoOffset);
    block_sync();  // every warp is done with dO
    if (next.valid) load_output_gradients<Config, Element>(params, next, shared, rows_next);
    copy_async_commit();
    if constexpr (kWithDq) add_query_gradients<Config, Element>(params, now.item, base);
    add_key_products<Config, Element>(d_k, base + Config::kDsOffset, base + Config::kQOffset + stage * Config::kQBytes);
    if constexpr (kStages == 1) {
      block_sync();  // every warp is done with Q
      if (next.valid) load_queries<Config, Element>(params, next, shared, rows_next, 0);
      copy_async_commit();
    }
    now = next;
    next = after;
  }

  block_sync();
  scale_all(d_k, params.args.scale);
  const int thread = fresh_thread_index(), warp = thread / kLanes;
  const int key_warp = warp / Config::kKeyDimWarps, dim_warp = warp % Config::kKeyDimWarps;
  const int row0 = key_warp * Config::kKeyM * kFragment;
  const WorkItem written{kv_tile, kv_head, batch};
  epilogues.d_k.template apply<Element, Config::kKeyDimWarps>(written, kv_rows, row0, 2 * dim_warp, d_k);
  epilogues.d_v.template apply<Element, Config::kKeyDimWarps>(written, kv_rows, row0, 2 * dim_warp, d_v);
  store_accumulator<Layout, Element, Config::kKeyDimWarps>(shared + Config::kKOffset, row0, 2 * dim_warp, d_k);
  store_accumulator<Layout, Element, Config::kKeyDimWarps>(shared + Config::kVOffset, row0, 2 * dim_warp, d_v);
  block_sync();
  store_rows<Layout, kTileKv, kThreads>(shared + Config::kKOffset, kv_rows, 0, thread,
                                        head_rows<Element>(params.args.d_k, batch, kv_head, head_dim));
  store_rows<Layout, kTileKv, kThreads>(shared + Config::kVOffset, kv_rows, 0, thread,
                                        head_rows<Element>(params.args.d_v, batch, kv_head, head_dim));
}

}  // namespace fvattn::engine::sm80
