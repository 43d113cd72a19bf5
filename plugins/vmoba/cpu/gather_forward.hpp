// Forward by gathered rows: each chunk attends the rows that chose it, and a row's partial results are merged by their lse.
#pragma once

#include "gather_blocks.hpp"

#include <cmath>
#include <limits>

namespace vmoba::cpu {

/// As engine::cpu::forward(args, ...), for a choice of chunks: bits [batch, heads, q_rows, words].
template <class E, class ChunkMap>
void gather_forward(const engine::cpu::ForwardArgs<E>& args, const Partition& partition, const ChunkMap& chunks,
                    const std::uint32_t* bits, int words) {
  using T = engine::cpu::Accumulate<E>;
  const int width = args.v_head_dim, group = args.heads / args.kv_heads;
  each_block(args, partition, bits, words,
             [&](GatheredRows& gathered, int batch, int head, const std::uint32_t* mine, int first, int end) {
    std::vector<T> partial(static_cast<size_t>(gathered.slots()) * width), lse(static_cast<size_t>(gathered.slots()));
    engine::cpu::ForwardArgs<E, T> part;
    set_one_head(part, args);
    part.q_rows = gathered.slots();
    part.q = one_head(args.q, batch, head);
    part.k = one_head(args.k, batch, head / group);
    part.v = one_head(args.v, batch, head / group);
    part.o = {partial.data(), 0, width, 0};
    part.saved_lse = lse.data();
    engine::cpu::forward(part, gathered.policy(chunks), in_this_thread);

    std::vector<T> line(static_cast<size_t>(width));
    const std::int64_t stat = (std::int64_t{batch} * args.heads + head) * args.q_rows;
    gathered.each_row(mine, first, end, [&](int row, const int* slots, int count) {
      T top = -std::numeric_limits<T>::infinity(), sum = 0;
      for (int i = 0; i < count; ++i) top = std::max(top, lse[static_cast<size_t>(slots[i])]);
      std::fill(line.begin(), line.end(), T{0});
      for (int i = 0; i < count; ++i) {
        const T own = lse[static_cast<size_t>(slots[i])];
        if (own == -std::numeric_limits<T>::infinity()) continue;  // that chunk adds nothing, whatever the others hold
        const T weight = std::exp(own - top), *o = partial.data() + std::int64_t{slots[i]} * width;
        sum += weight;
        for (int d = 0; d < width; ++d) line[static_cast<size_t>(d)] += weight * o[d];
      }
      const T scale = sum == 0 ? T{0} : T{1} / sum;
      for (T& value : line) value *= scale;
      engine::cpu::convert_row(line.data(), args.o.row(batch, row, head), width);
      const T whole = sum == 0 ? -std::numeric_limits<T>::infinity() : top + std::log(sum);
      if (args.lse) args.lse[stat + row] = static_cast<float>(whole);
      if (args.saved_lse) args.saved_lse[stat + row] = whole;
    });
  });
}

}  // namespace vmoba::cpu
