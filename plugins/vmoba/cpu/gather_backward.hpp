// Backward by gathered rows: d_q chunk by chunk and added up, d_k and d_v of a chunk from the rows that chose it.
#pragma once

#include "gather_blocks.hpp"

namespace vmoba::cpu {

/// d_q in blocks of places, as forward.
template <class E, class ChunkMap>
void gather_d_q(const engine::cpu::BackwardArgs<E>& args, const Partition& partition, const ChunkMap& chunks,
                const std::uint32_t* bits, int words) {
  using T = engine::cpu::Accumulate<E>;
  const int width = args.head_dim, group = args.heads / args.kv_heads;
  each_block(args, partition, bits, words,
             [&](GatheredRows& gathered, int batch, int head, const std::uint32_t* mine, int first, int end) {
    const std::int64_t stat = (std::int64_t{batch} * args.heads + head) * args.q_rows;
    std::vector<T> partial(static_cast<size_t>(gathered.slots()) * width);
    engine::cpu::BackwardArgs<E, T> part;
    set_one_head(part, args);
    part.q = one_head(args.q, batch, head);
    part.k = one_head(args.k, batch, head / group);
    part.v = one_head(args.v, batch, head / group);
    part.d_o = one_head(args.d_o, batch, head);
    part.saved_lse = args.saved_lse + stat;
    part.delta = args.delta + stat;
    part.delta_ready = true;
    part.d_q = {partial.data(), 0, width, 0};
    engine::cpu::backward(part, gathered.policy(chunks), in_this_thread);

    std::vector<T> line(static_cast<size_t>(width));
    gathered.each_row(mine, first, end, [&](int row, const int* slots, int count) {
      std::fill(line.begin(), line.end(), T{0});
      for (int i = 0; i < count; ++i)
        for (int d = 0; d < width; ++d) line[static_cast<size_t>(d)] += partial[static_cast<size_t>(slots[i]) * width + d];
      engine::cpu::convert_row(line.data(), args.d_q.row(batch, row, head), width);
    });
  });
}

/// d_k and d_v: every row that chose a chunk, of all query heads that share its keys.
template <class E, class ChunkMap>
void gather_d_kv(const engine::cpu::BackwardArgs<E>& args, const Partition& partition, const ChunkMap& chunks,
                 const std::uint32_t* bits, int words) {
  const int group = args.heads / args.kv_heads, places = partition.starts()[partition.chunks()];
  GatheredRows gathered(partition, words);
  for (int batch = 0; batch < args.batch; ++batch)
    for (int kv_head = 0; kv_head < args.kv_heads; ++kv_head) {
      const int head = kv_head * group;
      const std::int64_t stat = (std::int64_t{batch} * args.heads + head) * args.q_rows;
      gathered.fill(bits + stat * words, group, args.q_rows, 0, places);
      engine::cpu::BackwardArgs<E, engine::cpu::Accumulate<E>> part;
      static_cast<engine::cpu::Sizes&>(part) = args;
      part.batch = part.kv_heads = 1;
      part.heads = group;
      part.q = one_head(args.q, batch, head);
      part.k = one_head(args.k, batch, kv_head);
      part.v = one_head(args.v, batch, kv_head);
      part.d_o = one_head(args.d_o, batch, head);
      part.saved_lse = args.saved_lse + stat;
      part.delta = args.delta + stat;
      part.delta_ready = true;
      part.d_k = one_head(args.d_k, batch, kv_head);
      part.d_v = one_head(args.d_v, batch, kv_head);
      engine::cpu::backward(part, gathered.policy(chunks), on_host_threads);
    }
}

/// As engine::cpu::backward(args, ...), for a choice of chunks: bits [batch, heads, q_rows, words].
template <class E, class ChunkMap>
void gather_backward(const engine::cpu::BackwardArgs<E>& args, const Partition& partition, const ChunkMap& chunks,
                     const std::uint32_t* bits, int words) {
  engine::cpu::compute_delta(args, on_host_threads);
  if (args.d_q.data) gather_d_q(args, partition, chunks, bits, words);
  if (args.d_k.data) gather_d_kv(args, partition, chunks, bits, words);
}

}  // namespace vmoba::cpu
