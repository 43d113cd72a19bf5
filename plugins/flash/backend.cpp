#include "backend.hpp"

#include "cpu/dispatch.hpp"
#include "gpu/dispatch.hpp"

namespace flash {

using namespace fvattn::plugin;

void FlashAttention::plan(const fvattn_problem& p, const void*, Plan& plan) {
  // On a GPU, d_q is summed by atomics unless determinism is asked for.
  const bool sums_vary = on_gpu_ && (p.flags & FVATTN_PROBLEM_NEED_GRAD) && !(p.flags & FVATTN_PROBLEM_NEED_DETERMINISM);
  if (!sums_vary) plan.flags(FVATTN_PLAN_DETERMINISTIC);
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) plan.save("lse", dtype(p) == kF64 ? kF64 : kF32, {p.batch, p.heads, p.q_len});
  if (on_gpu_)
    gpu::plan(p, hopper_, sm_count_, plan);
  else
    cpu::plan(p, plan);
}

void FlashAttention::forward(const Call& call) { on_gpu_ ? gpu::forward(call, sm_count_) : cpu::forward(call); }

void FlashAttention::backward(const Call& call) { on_gpu_ ? gpu::backward(call) : cpu::backward(call); }

}  // namespace flash
