// From a call to the arguments of the cpu engine.
#pragma once

#include "../schedule.hpp"

#include <fvattn/engine/cpu/engine.hpp>

namespace sta::cpu {

namespace engine = fvattn::engine;
namespace plugin = fvattn::plugin;

using Tile = engine::cpu::DefaultTile;

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

}  // namespace sta::cpu
