#include "backend.hpp"

#include "cpu/dispatch.hpp"
#include "schedule.hpp"

namespace vsa {

using namespace fvattn::plugin;

VideoSparseAttention::VideoSparseAttention(const fvattn_impl_desc& desc) {
  if (desc.device->type != FVATTN_CPU) fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels");
}

void VideoSparseAttention::plan(const fvattn_problem& p, const Metadata* meta, Plan& plan) {
  const Metadata& m = checked_metadata(p, meta);
  plan.flags(FVATTN_PLAN_DETERMINISTIC | (m.per_step() ? uint32_t{FVATTN_PLAN_GRAPH_PER_STEP} : 0));
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) {
    const Needs needs(p, m);
    const Dtype computed = dtype(p) == kF64 ? kF64 : kF32;
    const int64_t blocks = m.blocks().count;
    plan.save("lse", computed, {p.batch, p.heads, p.q_len});
    // delta of the fine branch from a rounded result would drown small gradients of large logits.
    if (dtype(p) != computed) plan.save("out_s", computed, {p.batch, p.q_len, p.heads, p.v_head_dim});
    if (needs.coarse) plan.save("out_c", computed, {p.batch, p.heads, blocks, p.v_head_dim});
    if (needs.lists) {
      plan.save("block_index", kI32, {p.batch, p.heads, blocks, needs.width});
      plan.save("block_count", kI32, {p.batch, p.heads, blocks});
    }
  }
  cpu::plan(p, m, plan);
}

void VideoSparseAttention::forward(const Call& call) { cpu::forward(call); }

void VideoSparseAttention::backward(const Call& call) { cpu::backward(call); }

void VideoSparseAttention::describe(const Call& call) { cpu::describe(call); }

}  // namespace vsa
