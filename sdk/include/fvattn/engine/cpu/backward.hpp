// Backward of the cpu engine, from the saved lse and the result: delta, then d_q, then d_k and d_v. The scores are
// computed twice rather than added up across threads: nothing is atomic, and repeats are bitwise equal.
#pragma once

#include <fvattn/engine/cpu/backward_kv.hpp>
#include <fvattn/engine/cpu/backward_q.hpp>

namespace fvattn::engine::cpu {

/// args.delta[row] = sum_d d_o * o of every query row. Called by backward unless args.delta_ready.
template <class E, class Out, class ParallelFor>
void compute_delta(const BackwardArgs<E, Out>& args, ParallelFor&& parallel_for) {
  using T = Accumulate<E>;
  const std::int64_t rows = std::int64_t{args.batch} * args.heads * args.q_rows;
  parallel_for(rows, std::int64_t{64}, [&](std::int64_t lo, std::int64_t hi) {
    const int width = args.v_head_dim;
    Scratch scratch(2 * Scratch::bytes_of<T>(width));
    T *o = scratch.take<T>(width), *d_o = scratch.take<T>(width);
    for (std::int64_t i = lo; i < hi; ++i) {
      const int row = static_cast<int>(i % args.q_rows), head = static_cast<int>(i / args.q_rows % args.heads),
                batch = static_cast<int>(i / args.q_rows / args.heads);
      convert_row(args.o.row(batch, row, head), o, width);
      convert_row(args.d_o.row(batch, row, head), d_o, width);
      T sum[4] = {};
      for (int d = 0; d < width; ++d) sum[d % 4] += o[d] * d_o[d];
      args.delta[i] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }
  });
}

/// d_q of every query tile, d_k and d_v of every key tile of the policy; see forward about parallel_for. A row without
/// keys has zero gradients.
template <class Tile = DefaultTile, class E, class Out, class Policy, class ParallelFor>
void backward(const BackwardArgs<E, Out>& args, const Policy& policy, ParallelFor&& parallel_for) {
  static_assert(BackwardPolicy<Policy, Tile> && kIsTile<Tile> && kIsElement<E>);
  if (!args.delta_ready && args.q_rows > 0) compute_delta(args, parallel_for);
  const int q_tiles = policy.template q_tiles<Tile>(), kv_tiles = policy.template kv_tiles<Tile>();
  const std::int64_t q_items = std::int64_t{q_tiles} * args.heads * args.batch;
  if (args.d_q.data && q_items > 0)
    parallel_for(q_items, std::int64_t{1}, [&](std::int64_t lo, std::int64_t hi) {
      detail::BackwardQItem<Tile, E, Out, Policy> worker(args, policy);
      for (std::int64_t i = lo; i < hi; ++i) worker.run(work_item(i, q_tiles, args.heads, true));
    });
  const std::int64_t kv_items = std::int64_t{kv_tiles} * args.kv_heads * args.batch;
  if (args.d_k.data && kv_items > 0)
    parallel_for(kv_items, std::int64_t{1}, [&](std::int64_t lo, std::int64_t hi) {
      detail::BackwardKvItem<Tile, E, Out, Policy> worker(args, policy);
      for (std::int64_t i = lo; i < hi; ++i) worker.run(work_item(i, kv_tiles, args.kv_heads, false));
    });
}

}  // namespace fvattn::engine::cpu
