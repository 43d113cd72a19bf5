// d_q of the cpu engine: one query tile at a time, over the key tiles of the forward schedule.
#pragma once

#include <fvattn/engine/cpu/scratch.hpp>
#include <fvattn/engine/cpu/selection.hpp>
#include <fvattn/engine/cpu/tile_io.hpp>
#include <fvattn/engine/cpu/tiles.hpp>

#include <cmath>
#include <cstring>
#include <limits>

namespace fvattn::engine::cpu {
namespace detail {

/// A row without keys has lse = -inf; with +inf instead its probabilities come out as 0.
template <class T>
T usable_lse(T lse) {
  return lse == -std::numeric_limits<T>::infinity() ? std::numeric_limits<T>::infinity() : lse;
}

inline std::int64_t first_stat(const Sizes& s, const WorkItem& item) {
  return (static_cast<std::int64_t>(item.batch) * s.heads + item.head) * s.q_rows;
}

template <class Tile, class E, class Out, class Policy>
class BackwardQItem {
  using T = Accumulate<E>;
  static constexpr int kQ = Tile::kTileQ, kKv = Tile::kTileKv;

 public:
  BackwardQItem(const BackwardArgs<E, Out>& args, const Policy& policy)
      : args_(args),
        policy_(policy),
        scratch_(bytes(args)),
        queries_(scratch_.take<T>(args.head_dim * kQ)),
        d_out_(scratch_.take<T>(args.v_head_dim * kQ)),
        gradient_(scratch_.take<T>(args.head_dim * kQ)),
        scores_(scratch_.take<T>(kKv * kQ)),
        d_scores_(scratch_.take<T>(kKv * kQ)),
        k_rows_(scratch_.take<T>(kKv * args.head_dim)),
        v_rows_(scratch_.take<T>(kKv * args.v_head_dim)),
        line_(scratch_.take<T>(args.head_dim + args.v_head_dim)),
        lse_(scratch_.take<T>(kQ)),
        delta_(scratch_.take<T>(kQ)) {}

  void run(const WorkItem& item) {
    columns_.locate([&](int slot) { return policy_.q_map.template row<kQ>(item, item.q_tile, slot); });
    if (columns_.m == 0) return;
    std::memset(gradient_, 0, sizeof(T) * args_.head_dim * kQ);
    const int steps = policy_.template steps<Tile>(item);
    if (steps > 0) load(item);
    for (int step = 0; step < steps; ++step) visit(item, policy_.template kv_tile<Tile>(item, step));
    int row[kQ];
    for (int slot = 0; slot < columns_.m; ++slot)
      row[slot] = columns_.row[slot] == kNoRow ? kNoRow : output_map(policy_).template row<kQ>(item, item.q_tile, slot);
    store_columns(gradient_, columns_.m, args_.head_dim, kQ, row, args_.d_q, item.batch, item.head, line_,
                  [&](int slot) { return steps > 0 && lse_[slot] != std::numeric_limits<T>::infinity(); });
  }

 private:
  static std::size_t bytes(const Sizes& s) {
    const auto of = [](int count) { return Scratch::bytes_of<T>(count); };
    return 2 * of(s.head_dim * kQ) + of(s.v_head_dim * kQ) + 2 * of(kKv * kQ) + of(kKv * s.head_dim) +
           of(kKv * s.v_head_dim) + of(s.head_dim + s.v_head_dim) + 2 * of(kQ);
  }

  void load(const WorkItem& item) {
    load_columns(args_.q, item.batch, item.head, columns_.row, columns_.m, args_.head_dim, kQ, queries_, line_);
    load_columns(args_.d_o, item.batch, item.head, columns_.row, columns_.m, args_.v_head_dim, kQ, d_out_, line_);
    const std::int64_t first = first_stat(args_, item);
    for (int slot = 0; slot < kQ; ++slot) {
      const bool token = slot < columns_.m && columns_.row[slot] != kNoRow;
      lse_[slot] = token ? usable_lse(args_.saved_lse[first + columns_.row[slot]]) : std::numeric_limits<T>::infinity();
      delta_[slot] = token ? args_.delta[first + columns_.row[slot]] : T{0};
    }
  }

  void visit(const WorkItem& item, int tile) {
    select_keys<Tile>(policy_, item, tile, columns_, keys_);
    if (keys_.n == 0) return;
    const Kernels<T>& simd = kernels<T>();
    const int kv_head = item.head / (args_.heads / args_.kv_heads), n = keys_.n, m = columns_.m;
    const RowBlock<T> k = load_rows(args_.k, item.batch, kv_head, keys_.row, n, args_.head_dim, k_rows_);
    const RowBlock<T> v = load_rows(args_.v, item.batch, kv_head, keys_.row, n, args_.v_head_dim, v_rows_);
    const T scale = static_cast<T>(args_.scale);
    simd.products(k.data, k.row_stride, queries_, n, args_.head_dim, m, kQ, scale, scores_);
    simd.products(v.data, v.row_stride, d_out_, n, args_.v_head_dim, m, kQ, T{1}, d_scores_);
    simd.gradient_columns(scores_, d_scores_, n, m, kQ, keys_.mask(), scale, lse_, delta_);
    simd.accumulate(k.data, k.row_stride, d_scores_, n, args_.head_dim, m, kQ, nullptr, gradient_);
  }

  const BackwardArgs<E, Out>& args_;
  const Policy& policy_;
  Scratch scratch_;
  T *queries_, *d_out_, *gradient_, *scores_, *d_scores_, *k_rows_, *v_rows_, *line_, *lse_, *delta_;
  Columns<kQ> columns_;
  Selection<kKv, kQ> keys_;
};

}  // namespace detail
}  // namespace fvattn::engine::cpu
