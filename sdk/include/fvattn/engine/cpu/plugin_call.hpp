// From a plugin's call to the arguments of the cpu engine.
#pragma once

#include <fvattn/engine/cpu/engine.hpp>
#include <fvattn/plugin.hpp>

namespace fvattn::engine::cpu {

/// A [batch, rows, heads, dim] tensor of the call in host memory; E is its element type, const for inputs.
template <class E>
TensorView<E> view(const fvattn_tensor& t) {
  return {plugin::data<E>(t), t.strides[0], t.strides[1], t.strides[2]};
}

inline void set_sizes(Sizes& s, const fvattn_problem& p) {
  s.batch = static_cast<int>(p.batch);
  s.heads = p.heads;
  s.kv_heads = p.kv_heads;
  s.head_dim = p.head_dim;
  s.v_head_dim = p.v_head_dim;
  s.q_rows = static_cast<int>(p.q_len);
  s.scale = p.scale;
}

/// The engine's parallel_for on the host's threads, which are a plugin's only ones.
inline constexpr auto on_host_threads = [](int64_t n, int64_t grain, auto&& body) { plugin::parallel_for(n, grain, body); };

/// body(element) with a value of the dtype's element type: float64, float32, bfloat16 or float16.
template <class Body>
void with_element(plugin::Dtype type, Body&& body) {
  if (type == plugin::kF32)
    body(float{});
  else if (type == plugin::kF64)
    body(double{});
  else if (type == plugin::kBF16)
    body(Bf16{});
  else
    body(Half{});
}

}  // namespace fvattn::engine::cpu
