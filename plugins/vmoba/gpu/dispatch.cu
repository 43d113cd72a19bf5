// What the GPU kernels of this build take, and what a call needs.
#include "dispatch.hpp"

#include "schedule.cuh"

namespace vmoba::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  require_sm80(device, p, HeadDims::kLargest, support);
  HeadDims::visit(p.head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    require_shared_memory<WideForward<kDim>, Backward<kDim>>(device, p, support);
    require_shared_memory<MaskedForward<kDim>, Backward<kDim>>(device, p, support);
  });
  support.score(0.7);
}

void plan(const fvattn_problem& p, const Config& config, uint64_t shared_bytes, Plan& plan) {
  plan.flags(FVATTN_PLAN_GRAPH_SAFE);
  const Limits limits = limits_of(p, config);
  const bool filters = filters_rows(p, config, limits, shared_bytes);
  const GatherForm most = gather_form(config.rule_of(p.layer_index), limits);
  uint64_t forward_bytes = 0, backward_bytes = 0;
  for (const GatherForm& form : {GatherForm{}, most}) {
    Workspace forward, backward;
    ChunkTables(p, limits, forward);
    Selection(p, config, limits, filters, forward);
    forward.take<std::uint32_t>(bit_words(p, limits));
    AttentionSpace(p, limits, form, forward_tiles(p.head_dim), false, forward);
    ChunkTables(p, limits, backward);
    AttentionSpace(p, limits, form, backward_tiles(p.head_dim), true, backward);
    forward_bytes = std::max(forward_bytes, forward.bytes());
    backward_bytes = std::max(backward_bytes, backward.bytes());
  }
  Workspace dense;
  take_dense_backward(p, dense);
  const bool gradients = p.flags & FVATTN_PROBLEM_NEED_GRAD;
  plan.workspace_forward(forward_bytes).workspace_backward(gradients ? std::max(backward_bytes, dense.bytes()) : 0);
  if (gradients) plan.save("chunks", kI32, {p.batch, p.heads, p.q_len, limits.words()});
  plan.state(std::make_unique<PlanState>(PlanState{most.chunks, filters}));
}

}  // namespace vmoba::gpu
