#include "dispatch.hpp"
#include "schedule.hpp"

namespace vmoba::cpu {

void plan(const fvattn_problem& p, const Config& config, fvattn::plugin::Plan& plan) {
  const Limits limits = limits_of(p, config);
  const int64_t rows = p.batch * p.heads * p.q_len;
  Workspace forward, backward;
  Selection(p, config, limits, forward);
  forward.take<std::uint32_t>(rows * limits.words());
  backward.take<double>(rows);
  plan.workspace_forward(forward.bytes()).workspace_backward(backward.bytes());
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD)
    plan.save("chunks", fvattn::plugin::kI32, {p.batch, p.heads, p.q_len, limits.words()});
}

}  // namespace vmoba::cpu
