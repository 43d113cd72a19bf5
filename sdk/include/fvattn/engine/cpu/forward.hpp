// Forward of the cpu engine: one query tile at a time, online softmax over the key tiles that the policy names.
//
// Scores are kept transposed (keys x queries): the softmax of 64 queries is then elementwise over keys, K and V are
// read where they lie, and only the query tile and its result change layout, once each.
#pragma once

#include <fvattn/engine/cpu/nonfinite.hpp>
#include <fvattn/engine/cpu/scratch.hpp>
#include <fvattn/engine/cpu/selection.hpp>
#include <fvattn/engine/cpu/tile_io.hpp>
#include <fvattn/engine/cpu/tiles.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace fvattn::engine::cpu {
namespace detail {

template <class Tile, class E, class Out, class Policy>
class ForwardItem {
  using T = Accumulate<E>;
  static constexpr int kQ = Tile::kTileQ, kKv = Tile::kTileKv;

 public:
  ForwardItem(const ForwardArgs<E, Out>& args, const Policy& policy)
      : args_(args),
        policy_(policy),
        scratch_(bytes(args)),
        queries_(scratch_.take<T>(args.head_dim * kQ)),
        result_(scratch_.take<T>(args.v_head_dim * kQ)),
        scores_(scratch_.take<T>(kKv * kQ)),
        rows_(scratch_.take<T>(kKv * width(args))),
        line_(scratch_.take<T>(width(args))),
        max_(scratch_.take<T>(kQ)),
        sum_(scratch_.take<T>(kQ)),
        rescale_(scratch_.take<T>(kQ)) {}

  void run(const WorkItem& item) {
    columns_.locate([&](int slot) { return policy_.q_map.template row<kQ>(item, item.q_tile, slot); });
    if (columns_.m == 0) return;
    for (int c = 0; c < kQ; ++c) max_[c] = -std::numeric_limits<T>::infinity(), sum_[c] = 0;
    std::memset(result_, 0, sizeof(T) * args_.v_head_dim * kQ);
    const int steps = policy_.template steps<Tile>(item);
    if (steps > 0)
      load_columns(args_.q, item.batch, item.head, columns_.row, columns_.m, args_.head_dim, kQ, queries_, line_);
    for (int step = 0; step < steps; ++step) visit(item, policy_.template kv_tile<Tile>(item, step));
    store(item);
  }

 private:
  static int width(const Sizes& s) { return s.head_dim > s.v_head_dim ? s.head_dim : s.v_head_dim; }
  static std::size_t bytes(const Sizes& s) {
    const auto of = [](int count) { return Scratch::bytes_of<T>(count); };
    return of(s.head_dim * kQ) + of(s.v_head_dim * kQ) + of(kKv * kQ) + of(kKv * width(s)) + of(width(s)) + 3 * of(kQ);
  }

  void visit(const WorkItem& item, int tile) {
    select_keys<Tile>(policy_, item, tile, columns_, keys_);
    if (keys_.n == 0) return;
    const Kernels<T>& simd = kernels<T>();
    const int kv_head = item.head / (args_.heads / args_.kv_heads), m = columns_.m;
    const RowBlock<T> k = load_rows(args_.k, item.batch, kv_head, keys_.row, keys_.n, args_.head_dim, rows_);
    simd.products(k.data, k.row_stride, queries_, keys_.n, args_.head_dim, m, kQ, static_cast<T>(args_.scale), scores_);
    bool rescale = simd.softmax(scores_, keys_.n, m, kQ, keys_.mask(), max_, sum_, rescale_);
    RowBlock<T> v = load_rows(args_.v, item.batch, kv_head, keys_.row, keys_.n, args_.v_head_dim, rows_);
    if (keys_.masked) {
      if (std::exchange(rescale, false)) simd.scale_columns(result_, args_.v_head_dim, m, kQ, rescale_);
      v = without_nonfinite(v, keys_, args_.v_head_dim, m, kQ, scores_, result_, rows_);
    }
    simd.accumulate(v.data, v.row_stride, scores_, keys_.n, args_.v_head_dim, m, kQ, rescale ? rescale_ : nullptr, result_);
  }

  void store(const WorkItem& item) {
    for (int c = 0; c < kQ; ++c) rescale_[c] = T{1} / sum_[c];
    kernels<T>().scale_columns(result_, args_.v_head_dim, columns_.m, kQ, rescale_);
    int row[kQ];
    for (int slot = 0; slot < columns_.m; ++slot)
      row[slot] = columns_.row[slot] == kNoRow ? kNoRow : output_map(policy_).template row<kQ>(item, item.q_tile, slot);
    store_columns(result_, columns_.m, args_.v_head_dim, kQ, row, args_.o, item.batch, item.head, line_,
                  [&](int slot) { return sum_[slot] != 0; });
    const std::int64_t first = (static_cast<std::int64_t>(item.batch) * args_.heads + item.head) * args_.q_rows;
    for (int slot = 0; slot < columns_.m; ++slot) {
      if (row[slot] == kNoRow) continue;
      const T lse = sum_[slot] == 0 ? -std::numeric_limits<T>::infinity() : max_[slot] + std::log(sum_[slot]);
      if (args_.lse) args_.lse[first + row[slot]] = static_cast<float>(lse);
      if (args_.saved_lse) args_.saved_lse[first + row[slot]] = lse;
    }
  }

  const ForwardArgs<E, Out>& args_;
  const Policy& policy_;
  Scratch scratch_;
  T *queries_, *result_, *scores_, *rows_, *line_, *max_, *sum_, *rescale_;
  Columns<kQ> columns_;
  Selection<kKv, kQ> keys_;
};

}  // namespace detail

/// o and lse of every query tile of the policy. parallel_for(n, grain, body) calls body(lo, hi) for disjoint ranges that
/// cover [0, n), on any number of threads; results do not depend on how. Scratch of a thread: below 1 MiB.
template <class Tile = DefaultTile, class E, class Out, class Policy, class ParallelFor>
void forward(const ForwardArgs<E, Out>& args, const Policy& policy, ParallelFor&& parallel_for) {
  static_assert(ForwardPolicy<Policy, Tile> && kIsTile<Tile> && kIsElement<E>);
  const int tiles = policy.template q_tiles<Tile>();
  const std::int64_t items = std::int64_t{tiles} * args.heads * args.batch;
  if (items == 0) return;
  parallel_for(items, std::int64_t{1}, [&](std::int64_t lo, std::int64_t hi) {
    detail::ForwardItem<Tile, E, Out, Policy> worker(args, policy);
    for (std::int64_t i = lo; i < hi; ++i) worker.run(work_item(i, tiles, args.heads, true));
  });
}

}  // namespace fvattn::engine::cpu
