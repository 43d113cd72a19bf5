// What the GPU kernels of this build take, and what a call needs.
#include "dispatch.hpp"

#include "instances.hpp"
#include "kernels.cuh"
#include "sm90_config.hpp"
#include "workspace.hpp"

#include <fvattn/engine/sm80/backward.cuh>
#include <fvattn/engine/sm90/backward_workspace.hpp>
#include <fvattn/plugin/gpu/sm80_calls.cuh>

namespace sta::gpu {

using namespace fvattn::plugin;
using namespace fvattn::plugin::gpu;

void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  require_sm80(device, p, HeadDims::kLargest, support);
  HeadDims::visit(p.head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    require_shared_memory<Forward<kDim>, Backward<kDim>>(device, p, support);
  });
}

void plan(const fvattn_problem& p, const Schedule& schedule, bool hopper, Plan& plan) {
  plan.flags(FVATTN_PLAN_GRAPH_SAFE);
  Workspace forward, backward;
  take_windows(p, forward);
  take_windows(p, backward);
  if (schedule.candidates() > 0) SearchScratch(p, forward);
  if (p.flags & FVATTN_PROBLEM_NEED_GRAD) take_backward(p, schedule, hopper, backward);
  plan.workspace_forward(forward.bytes()).workspace_backward(backward.bytes());
}

namespace {

/// The window policy may cut the queries into more tiles than the dense one, and a step decides which it is.
template <class Bytes>
std::size_t most_bytes(const Schedule& schedule, int q_slots, int kv_slots, const Bytes& bytes) {
  const engine::LinearMap rows{schedule.rows()};
  return std::max(bytes(schedule.policy(schedule.full(), q_slots, kv_slots)), bytes(engine::DensePolicy<false>{rows, rows}));
}

template <int kDim>
std::size_t sm90_bytes(const sm80::BackwardArgs& sizes, const Schedule& schedule) {
  if constexpr (kDim <= kLargestSm90Dim) {
    using Config = Sm90Backward<kDim>;
    if (serves_sm90_backward<kDim>(schedule, sizes.deterministic))
      return most_bytes(schedule, Config::kTileQ, Config::kTileKv, [&](const auto& policy) {
        return engine::sm90::backward_workspace_bytes<Config>(sizes, policy);
      });
  }
  return 0;
}

}  // namespace

void* take_backward(const fvattn_problem& p, const Schedule& schedule, bool hopper, Workspace& workspace) {
  const sm80::BackwardArgs sizes = backward_sizes(p);
  std::size_t bytes = 0;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    using Config = Backward<decltype(dim)::value>;
    bytes = hopper ? sm90_bytes<decltype(dim)::value>(sizes, schedule) : 0;
    if (bytes > 0) return;
    bytes = most_bytes(schedule, Config::Kv::kTileQ, Config::Kv::kTileKv,
                               [&](const auto& policy) { return sm80::backward_workspace_bytes<Config>(sizes, policy); });
  });
  return workspace.take<char>(static_cast<int64_t>(bytes));
}

}  // namespace sta::gpu
