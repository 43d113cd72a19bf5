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

void plan(const fvattn_problem& p, const Config& config, uint64_t shared_bytes, bool hopper, Plan& plan) {
  const Limits limits = limits_of(p, config);
  const bool filters = filters_rows(p, config, limits, shared_bytes);
  const GatherForm most = gather_form(config.rule_of(p.layer_index), limits);
  const bool gradients = p.flags & FVATTN_PROBLEM_NEED_GRAD, on_sm90 = gradients_on_sm90(p, hopper);
  // The sm90 engine sums d_q by atomics.
  const bool repeats = !gradients || !on_sm90 || most.chunks == 0;
  plan.flags(FVATTN_PLAN_GRAPH_SAFE | (repeats ? uint32_t{FVATTN_PLAN_DETERMINISTIC} : 0));
  uint64_t forward_bytes = 0, backward_bytes = 0;
  for (const GatherForm& form : {GatherForm{}, most}) {
    Workspace forward, backward;
    ChunkTables(p, limits, forward);
    Selection(p, config, limits, filters, forward);
    forward.take<std::uint32_t>(bit_words(p, limits));
    AttentionSpace(p, limits, form, forward_tiles(p.head_dim), Use::forward, forward);
    ChunkTables(p, limits, backward);
    AttentionSpace(p, limits, form, backward_tiles(p.head_dim, on_sm90), on_sm90 ? Use::sm90_backward : Use::sm80_backward,
                   backward);
    forward_bytes = std::max(forward_bytes, forward.bytes());
    backward_bytes = std::max(backward_bytes, backward.bytes());
  }
  Workspace dense;
  take_dense_backward(p, dense);
  plan.workspace_forward(forward_bytes).workspace_backward(gradients ? std::max(backward_bytes, dense.bytes()) : 0);
  if (gradients) plan.save("chunks", kI32, {p.batch, p.heads, p.q_len, limits.words()});
  plan.state(std::make_unique<PlanState>(PlanState{most.chunks, filters}));
}

}  // namespace vmoba::gpu
