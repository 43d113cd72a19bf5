// What the GPU kernels of this build take, and what a call needs.
#include "dispatch.hpp"

#include "instances.hpp"
#include "kernels.cuh"
#include "sm90_config.hpp"

#include <fvattn/engine/sm80/heuristics.hpp>
#include <fvattn/plugin/gpu/sm80_calls.cuh>

namespace flash::gpu {

using namespace fvattn::plugin;
namespace sm80 = fvattn::engine::sm80;

void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  fvattn::plugin::gpu::require_sm80(device, p, HeadDims::kLargest, support);
  HeadDims::visit(p.head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    fvattn::plugin::gpu::require_shared_memory<sm80::DenseForward<kDim>, sm80::DenseBackward<kDim>>(device, p, support);
  });
  // Expected share of the best known speed: measured in docs/performance.md.
  const bool hopper = fvattn::plugin::gpu::is_hopper(device), dense = !is_varlen(p) && find_extra(p, "mask") == nullptr;
  const bool gradients = p.flags & FVATTN_PROBLEM_NEED_GRAD;
  support.score(hopper ? (dense && !gradients ? 0.9 : 0.45) : 0.85);
}

void plan(const fvattn_problem& p, bool hopper, int sm_count, Plan& plan) {
  plan.flags(FVATTN_PLAN_GRAPH_SAFE);
  Workspace forward, backward;
  GpuSchedule schedule;
  schedule.q_len = static_cast<int>(p.q_len);
  schedule.kv_len = static_cast<int>(p.kv_len);
  if (find_extra(p, "mask") != nullptr) {
    KeyBits(p, forward);
    KeyBits(p, backward);
  }
  if (takes_sm90(p, hopper))
    HeadDims::visit(p.head_dim, [&](auto dim) { forward.take<char>(sm90_forward_bytes<decltype(dim)::value>(p, sm_count)); });
  // Every policy of these sizes cuts the queries into the same tiles, so the dense one stands for all that run on an engine.
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) {
    if (is_varlen(p) || find_extra(p, "mask") != nullptr) hopper = false;
    backward.take<char>(static_cast<int64_t>(backward_bytes(p, schedule, hopper)));
  }
  plan.workspace_forward(forward.bytes()).workspace_backward(backward.bytes());
}

}  // namespace flash::gpu
