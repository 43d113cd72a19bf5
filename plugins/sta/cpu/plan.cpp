#include "arguments.hpp"
#include "dispatch.hpp"

namespace sta::cpu {

void plan(const fvattn_problem& p, const Schedule& schedule, plugin::Plan& plan) {
  const int64_t element = p.dtype_bits / 8, statistic = plugin::dtype(p) == plugin::kF64 ? 8 : 4;
  const int64_t rows = p.batch * p.q_len * p.heads, kv_rows = p.batch * p.kv_len * p.kv_heads;
  const int64_t q = rows * p.head_dim * element, k = kv_rows * p.head_dim * element, v = kv_rows * p.v_head_dim * element,
                o = rows * p.v_head_dim * element;
  // Whole units of the alignment: then the order in which a call takes them does not matter.
  const auto sum = [](std::initializer_list<int64_t> sizes) {
    uint64_t bytes = 0;
    constexpr uint64_t kUnit = plugin::Workspace::kAlign;
    for (const int64_t size : sizes) bytes += (static_cast<uint64_t>(size) + kUnit - 1) / kUnit * kUnit;
    return bytes;
  };
  uint64_t forward = schedule.candidates() > 0 ? sum({o}) : 0, backward = sum({rows * statistic});  // delta
  if (!schedule.raster_rows().empty()) {
    forward += sum({q, k, v, o, rows * 4});  // the last one is lse
    backward += sum({q, k, v, o, o, q, k, v});
  }
  plan.workspace_forward(forward).workspace_backward(backward);
}

}  // namespace sta::cpu
