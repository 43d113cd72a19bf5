// Searching: how far each candidate window is from full attention, head by head.
#pragma once

#include "arguments.hpp"

namespace sta::cpu {

/// l2[head], l1[head] = mean over batch, rows and channels of (a - b)^2 and |a - b|, in double.
template <class E>
void losses(const engine::cpu::Sizes& s, const engine::cpu::TensorView<E>& a, const engine::cpu::TensorView<E>& b,
            double* l2, double* l1) {
  using T = engine::cpu::Accumulate<E>;
  plugin::parallel_for(s.heads, 1, [&](int64_t lo, int64_t hi) {
    std::vector<T> x(static_cast<size_t>(s.v_head_dim)), y(x);
    for (int64_t h = lo; h < hi; ++h) {
      double squares = 0, sizes = 0;
      for (int batch = 0; batch < s.batch; ++batch)
        for (int row = 0; row < s.q_rows; ++row) {
          engine::cpu::convert_row(a.row(batch, row, static_cast<int>(h)), x.data(), s.v_head_dim);
          engine::cpu::convert_row(b.row(batch, row, static_cast<int>(h)), y.data(), s.v_head_dim);
          for (size_t d = 0; d < x.size(); ++d) {
            const double difference = static_cast<double>(x[d]) - static_cast<double>(y[d]);
            squares += difference * difference;
            sizes += difference < 0 ? -difference : difference;
          }
        }
      const double count = static_cast<double>(s.batch) * s.q_rows * s.v_head_dim;
      l2[h] = squares / count;
      l1[h] = sizes / count;
    }
  });
}

/// Runs every candidate with the arguments of the full result, which is args.o, and writes the two loss outputs.
template <class E>
void search(const plugin::Call& call, engine::cpu::ForwardArgs<E> args, const Schedule& schedule,
            plugin::Workspace& workspace) {
  const engine::cpu::TensorView<E> full = args.o;
  const int64_t token = int64_t{args.heads} * args.v_head_dim;
  args.o = {workspace.take<E>(int64_t{args.batch} * args.q_rows * token), args.q_rows * token, token, args.v_head_dim};
  args.lse = nullptr;
  args.saved_lse = nullptr;
  double *l2 = plugin::data<double>(call.out("l2_loss")), *l1 = plugin::data<double>(call.out("l1_loss"));
  for (int i = 0; i < schedule.candidates(); ++i) {
    schedule.visit(schedule.candidate(i), Tile::kTileQ, Tile::kTileKv,
                   [&](const auto& policy) { engine::cpu::forward(args, policy, on_host_threads); });
    losses(args, args.o, full, l2 + i * args.heads, l1 + i * args.heads);
  }
}

}  // namespace sta::cpu
