// From a call to the arguments of the cpu engine.
#pragma once

#include "../schedule.hpp"

#include <fvattn/engine/cpu/engine.hpp>

namespace vsa::cpu {

namespace engine = fvattn::engine;
namespace plugin = fvattn::plugin;
using engine::cpu::Accumulate;
using engine::cpu::TensorView;

template <class E>
TensorView<E> view(const fvattn_tensor& t) {
  return {plugin::data<E>(t), t.strides[0], t.strides[1], t.strides[2]};
}
/// Null data when there is no such tensor.
template <class E>
TensorView<E> view(const fvattn_tensor* t) {
  return t ? view<E>(*t) : TensorView<E>();
}

inline void set_sizes(engine::cpu::Sizes& s, const fvattn_problem& p) {
  s.batch = static_cast<int>(p.batch);
  s.heads = p.heads;
  s.kv_heads = p.kv_heads;
  s.head_dim = p.head_dim;
  s.v_head_dim = p.v_head_dim;
  s.q_rows = static_cast<int>(p.q_len);
  s.scale = p.scale;
}

inline constexpr auto on_host_threads = [](int64_t n, int64_t grain, auto&& body) { plugin::parallel_for(n, grain, body); };

/// body(element) with a value of the dtype's element type.
template <class Body>
void with_element(plugin::Dtype type, Body&& body) {
  if (type == plugin::kF32)
    body(float{});
  else if (type == plugin::kF64)
    body(double{});
  else if (type == plugin::kBF16)
    body(engine::cpu::Bf16{});
  else
    body(engine::cpu::Half{});
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
