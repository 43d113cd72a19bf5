// From a call to the arguments of the cpu engine.
#pragma once

#include "../schedule.hpp"

#include <fvattn/engine/cpu/plugin_call.hpp>

namespace vsa::cpu {

namespace engine = fvattn::engine;
namespace plugin = fvattn::plugin;
using engine::cpu::Accumulate;
using engine::cpu::on_host_threads;
using engine::cpu::set_sizes;
using engine::cpu::TensorView;
using engine::cpu::view;
using engine::cpu::with_element;

/// Null data when there is no such tensor.
template <class E>
TensorView<E> view(const fvattn_tensor* t) {
  return t ? view<E>(*t) : TensorView<E>();
}

/// body(batch, head, block) for all blocks of `heads` heads, on the host's threads.
template <class Body>
void for_each_block(int64_t batch, int heads, int blocks, Body&& body) {
  plugin::parallel_for(batch * heads * blocks, 16, [&](int64_t lo, int64_t hi) {
    for (int64_t i = lo; i < hi; ++i)
      body(static_cast<int>(i / blocks / heads), static_cast<int>(i / blocks % heads), static_cast<int>(i % blocks));
  });
}

/// body(tensor row) for the tokens of a block, first to last.
template <class Body>
void for_each_row(const Blocks& blocks, int block, Body&& body) {
  const int32_t* rows = blocks.rows.data() + static_cast<int64_t>(block) * blocks.volume;
  for (int slot = 0; slot < blocks.sizes[static_cast<size_t>(block)]; ++slot) body(rows[slot]);
}

/// Zeroes the rows of a tiled tensor that hold no token.
template <class E>
void clear_padding(const Blocks& blocks, const TensorView<E>& to, const fvattn_problem& p, int heads, int width) {
  if (!blocks.tiled || !to.data) return;
  for_each_block(p.batch, heads, blocks.count, [&](int batch, int head, int block) {
    for (int slot = blocks.sizes[static_cast<size_t>(block)]; slot < blocks.volume; ++slot)
      std::fill_n(to.row(batch, block * blocks.volume + slot, head), width, E{});
  });
}

}  // namespace vsa::cpu
