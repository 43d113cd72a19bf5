// The coarse branch forward: which blocks are kept, and the coarse result of each query block.
#pragma once

#include "block_lists.hpp"
#include "coarse_scores.hpp"

namespace vsa::cpu {

/// Fills the lists with schedule.kept blocks each (unless every block is kept), and out_c [batch, heads, blocks, v_head_dim]
/// when it is not null.
template <class E>
void coarse_forward(const fvattn_problem& p, const Schedule& schedule, const Pooled<E>& pooled, const BlockLists& lists,
                    Accumulate<E>* out_c) {
  using T = Accumulate<E>;
  const int blocks = schedule.blocks().count, groups = CoarseScores<E>::groups(blocks);
  plugin::parallel_for(p.batch * p.heads * groups, 1, [&](int64_t lo, int64_t hi) {
    CoarseScores<E> coarse(p, blocks, pooled);
    std::vector<T> line(static_cast<size_t>(blocks));
    std::vector<int> order;
    for (int64_t i = lo; i < hi; ++i) {
      coarse.compute(static_cast<int>(i / groups / p.heads), static_cast<int>(i / groups % p.heads),
                     static_cast<int>(i % groups) * CoarseScores<E>::kGroup);
      for (int c = 0; !schedule.every && c < coarse.size(); ++c) {
        for (int j = 0; j < blocks; ++j) line[static_cast<size_t>(j)] = coarse.scores()[j * CoarseScores<E>::kGroup + c];
        select_top(line.data(), blocks, schedule.kept, order, lists.index + (coarse.first() + c) * lists.width);
        lists.count[coarse.first() + c] = schedule.kept;
      }
      if (!out_c) continue;
      coarse.normalise();
      coarse.weighted_sums(coarse.scores(), pooled.v, p.v_head_dim, out_c + coarse.first() * p.v_head_dim);
    }
  });
}

}  // namespace vsa::cpu
