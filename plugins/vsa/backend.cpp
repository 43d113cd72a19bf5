#include "backend.hpp"

#include "cpu/dispatch.hpp"
#include "describe.hpp"
#include "gpu/dispatch.hpp"

namespace vsa {

using namespace fvattn::plugin;

void VideoSparseAttention::plan(const fvattn_problem& p, const Metadata* meta, Plan& plan) {
  const Metadata& m = checked_metadata(p, meta);
  if (m.per_step()) plan.flags(FVATTN_PLAN_GRAPH_PER_STEP);
  if (on_gpu_) {
    gpu::plan(p, m, hopper_, plan);
  } else {
    plan.flags(FVATTN_PLAN_DETERMINISTIC);
    cpu::plan(p, m, plan);
  }
}

void VideoSparseAttention::forward(const Call& call) { on_gpu_ ? gpu::forward(call) : cpu::forward(call); }

void VideoSparseAttention::backward(const Call& call) { on_gpu_ ? gpu::backward(call) : cpu::backward(call); }

void VideoSparseAttention::describe(const Call& call) {
  vsa::describe(call, on_gpu_ ? gpu::kept_blocks : cpu::kept_blocks);
}

}  // namespace vsa
