#include "backend.hpp"

#include "cpu/dispatch.hpp"
#include "gpu/dispatch.hpp"

namespace vmoba {

using namespace fvattn::plugin;

void VideoMoba::plan(const fvattn_problem& p, const Config* config, Plan& plan) {
  if (!config)
    fail(FVATTN_INVALID_ARGUMENT, "VMOBA_ATTN needs metadata (dit_seq_shape, temporal_chunk_size, temporal_topk, "
                                  "spatial_..., st_...); build it and put it into the forward context");
  if (p.sp_world > 1 && spans_heads(config->rule))
    fail(FVATTN_UNIMPLEMENTED,
         "[SP_LAYOUT] moba_threshold_type %s compares heads, which lie on %d ranks; query_head and head_global are accepted",
         config->rule.domain == Domain::block ? "block" : "overall", p.sp_world);
  if (config->depends_on_step()) plan.flags(FVATTN_PLAN_GRAPH_PER_STEP);
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) plan.save("lse", dtype(p) == kF64 ? kF64 : kF32, {p.batch, p.heads, p.q_len});
  if (on_gpu_)
    gpu::plan(p, *config, shared_bytes_, hopper_, plan);
  else
    plan.flags(FVATTN_PLAN_DETERMINISTIC), cpu::plan(p, *config, plan);
}

void VideoMoba::forward(const Call& call) { on_gpu_ ? gpu::forward(call) : cpu::forward(call); }

void VideoMoba::backward(const Call& call) { on_gpu_ ? gpu::backward(call) : cpu::backward(call); }

void VideoMoba::describe(const Call& call) { on_gpu_ ? gpu::describe(call) : cpu::describe(call); }

}  // namespace vmoba
