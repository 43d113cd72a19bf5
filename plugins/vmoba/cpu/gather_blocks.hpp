// The work of a thread: a block of one head's places, cut so that partial results stay small.
#pragma once

#include "arguments.hpp"
#include "gathered_rows.hpp"

#include <algorithm>

namespace vmoba::cpu {

inline constexpr int kBlockPlaces = 2048;
inline constexpr int kMostPartialRows = 32768;  // 16 MiB of float32 at head dim 128, in each thread

inline constexpr auto in_this_thread = [](std::int64_t n, std::int64_t, auto&& body) { body(0, n); };

/// Query head `head` of batch entry `batch` of a tensor as a tensor of its own.
template <class E>
engine::cpu::TensorView<E> one_head(engine::cpu::TensorView<E> t, int batch, int head) {
  if (t.data) t.data += batch * t.batch_stride + head * t.head_stride;
  return t;
}

/// One query head with its keys: sizes of the engine's calls below.
inline void set_one_head(engine::cpu::Sizes& to, const engine::cpu::Sizes& all) {
  to = all;
  to.batch = to.heads = to.kv_heads = 1;
}

/// body(gathered, batch, head, bits of the head, first, end) on the host's threads, for every place of every head once.
/// The cuts depend on the bits alone.
template <class Body>
void each_block(const engine::cpu::Sizes& sizes, const Partition& partition, const std::uint32_t* bits, int words,
                Body&& body) {
  const int places = partition.starts()[partition.chunks()], blocks = (places + kBlockPlaces - 1) / kBlockPlaces;
  on_host_threads(std::int64_t{blocks} * sizes.heads * sizes.batch, 1, [&](std::int64_t lo, std::int64_t hi) {
    GatheredRows gathered(partition, words);
    for (std::int64_t i = lo; i < hi; ++i) {
      const std::int64_t list = i / blocks;
      const std::uint32_t* mine = bits + list * sizes.q_rows * words;
      const int end = std::min(places, static_cast<int>(i % blocks + 1) * kBlockPlaces);
      for (int first = static_cast<int>(i % blocks) * kBlockPlaces, next = first; first < end; first = next) {
        for (int rows = 0; next < end && rows < kMostPartialRows; ++next)
          rows += gathered.chosen(mine, partition.row_of(next));
        gathered.fill(mine, 1, sizes.q_rows, first, next);
        body(gathered, static_cast<int>(list / sizes.heads), static_cast<int>(list % sizes.heads), mine, first, next);
      }
    }
  });
}

}  // namespace vmoba::cpu
