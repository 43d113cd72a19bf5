#include "dispatch.hpp"

namespace vsa::cpu {

using namespace fvattn::plugin;

void plan(const fvattn_problem& p, const Metadata& meta, Plan& plan) {
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) {
    const Needs needs(p, meta);
    const Dtype computed = dtype(p) == kF64 ? kF64 : kF32;
    const int64_t blocks = meta.blocks().count;
    plan.save("lse", computed, {p.batch, p.heads, p.q_len});
    // delta of the fine branch from a rounded result would drown small gradients of large logits.
    if (dtype(p) != computed) plan.save("out_s", computed, {p.batch, p.q_len, p.heads, p.v_head_dim});
    if (needs.coarse) plan.save("out_c", computed, {p.batch, p.heads, blocks, p.v_head_dim});
    if (needs.lists) {
      plan.save("block_index", kI32, {p.batch, p.heads, blocks, needs.width});
      plan.save("block_count", kI32, {p.batch, p.heads, blocks});
    }
  }
  plan.workspace_forward(forward_bytes(p, meta)).workspace_backward(backward_bytes(p, meta));
}

}  // namespace vsa::cpu
