// d_k and d_v of the cpu engine: one key tile of a kv head at a time, over the query tiles of the transposed schedule
// and the query heads of the group, in order: no sums in memory, the same bits every time.
#pragma once

#include <fvattn/engine/cpu/backward_q.hpp>

#include <utility>

namespace fvattn::engine::cpu::detail {

template <class Tile, class E, class Out, class Policy>
class BackwardKvItem {
  using T = Accumulate<E>;
  static constexpr int kQ = Tile::kTileQ, kKv = Tile::kTileKv;

 public:
  BackwardKvItem(const BackwardArgs<E, Out>& args, const Policy& policy)
      : args_(args),
        policy_(policy),
        scratch_(bytes(args)),
        keys_(scratch_.take<T>(args.head_dim * kKv)),
        values_(scratch_.take<T>(args.v_head_dim * kKv)),
        d_k_(scratch_.take<T>(args.head_dim * kKv)),
        d_v_(scratch_.take<T>(args.v_head_dim * kKv)),
        scores_(scratch_.take<T>(kQ * kKv)),
        d_scores_(scratch_.take<T>(kQ * kKv)),
        q_rows_(scratch_.take<T>(kQ * args.head_dim)),
        d_o_rows_(scratch_.take<T>(kQ * args.v_head_dim)),
        line_(scratch_.take<T>(args.head_dim + args.v_head_dim)),
        lse_(scratch_.take<T>(kQ)),
        delta_(scratch_.take<T>(kQ)) {}

  /// `kv` counts key tiles, its head kv heads.
  void run(const WorkItem& kv) {
    const int group = args_.heads / args_.kv_heads;
    WorkItem item{kv.q_tile, kv.head * group, kv.batch};
    columns_.locate([&](int slot) { return policy_.kv_map.template row<kKv>(item, kv.q_tile, slot); });
    if (columns_.m == 0) return;
    std::memset(d_k_, 0, sizeof(T) * args_.head_dim * kKv);
    std::memset(d_v_, 0, sizeof(T) * args_.v_head_dim * kKv);
    bool loaded = false;
    for (const int end = item.head + group; item.head < end; ++item.head) {
      const int steps = policy_.template q_steps<Tile>(item);
      if (steps > 0 && !std::exchange(loaded, true)) {
        load_columns(args_.k, kv.batch, kv.head, columns_.row, columns_.m, args_.head_dim, kKv, keys_, line_);
        load_columns(args_.v, kv.batch, kv.head, columns_.row, columns_.m, args_.v_head_dim, kKv, values_, line_);
      }
      for (int step = 0; step < steps; ++step)
        visit({policy_.template q_tile<Tile>(item, step), item.head, item.batch}, kv.q_tile);
    }
    const auto all = [](int) { return true; };
    store_columns(d_k_, columns_.m, args_.head_dim, kKv, columns_.row, args_.d_k, kv.batch, kv.head, line_, all);
    store_columns(d_v_, columns_.m, args_.v_head_dim, kKv, columns_.row, args_.d_v, kv.batch, kv.head, line_, all);
  }

 private:
  static std::size_t bytes(const Sizes& s) {
    const auto of = [](int count) { return Scratch::bytes_of<T>(count); };
    return 2 * of(s.head_dim * kKv) + 2 * of(s.v_head_dim * kKv) + 2 * of(kQ * kKv) + of(kQ * s.head_dim) +
           of(kQ * s.v_head_dim) + of(s.head_dim + s.v_head_dim) + 2 * of(kQ);
  }

  void visit(const WorkItem& item, int kv_tile) {
    select_queries<Tile>(policy_, item, kv_tile, columns_, queries_);
    const int n = queries_.n, m = columns_.m;
    if (n == 0) return;
    const std::int64_t first = first_stat(args_, item);
    for (int i = 0; i < n; ++i) {
      lse_[i] = usable_lse(args_.saved_lse[first + queries_.row[i]]);
      delta_[i] = args_.delta[first + queries_.row[i]];
    }
    const Kernels<T>& simd = kernels<T>();
    const RowBlock<T> q = load_rows(args_.q, item.batch, item.head, queries_.row, n, args_.head_dim, q_rows_);
    const RowBlock<T> d_o = load_rows(args_.d_o, item.batch, item.head, queries_.row, n, args_.v_head_dim, d_o_rows_);
    const T scale = static_cast<T>(args_.scale);
    simd.products(q.data, q.row_stride, keys_, n, args_.head_dim, m, kKv, scale, scores_);
    simd.products(d_o.data, d_o.row_stride, values_, n, args_.v_head_dim, m, kKv, T{1}, d_scores_);
    simd.gradient_rows(scores_, d_scores_, n, m, kKv, queries_.mask(), scale, lse_, delta_);
    simd.accumulate(d_o.data, d_o.row_stride, scores_, n, args_.v_head_dim, m, kKv, nullptr, d_v_);
    simd.accumulate(q.data, q.row_stride, d_scores_, n, args_.head_dim, m, kKv, nullptr, d_k_);
  }

  const BackwardArgs<E, Out>& args_;
  const Policy& policy_;
  Scratch scratch_;
  T *keys_, *values_, *d_k_, *d_v_, *scores_, *d_scores_, *q_rows_, *d_o_rows_, *line_, *lse_, *delta_;
  Columns<kKv> columns_;
  Selection<kQ, kKv> queries_;
};

}  // namespace fvattn::engine::cpu::detail
