// What calls take from their workspace, in this order.
#pragma once

#include "../schedule.hpp"
#include "losses.cuh"

namespace sta::gpu {

/// Room for the windows of a call.
inline fvattn::engine::Extent3* take_windows(const fvattn_problem& p, fvattn::plugin::Workspace& workspace) {
  return workspace.take<fvattn::engine::Extent3>(p.heads);
}

/// What searching needs: the result of a candidate, and the sums of its losses.
struct SearchScratch {
  SearchScratch(const fvattn_problem& p, fvattn::plugin::Workspace& workspace)
      : o(workspace.take<std::uint16_t>(p.batch * p.q_len * p.heads * p.head_dim)),
        sums(workspace.take<double>(loss_scratch(p.heads))) {}

  std::uint16_t* o;
  double* sums;
};

/// Room for the engine's gradients, enough for every step. `hopper`: the device takes the sm90 engine where that serves.
void* take_backward(const fvattn_problem& p, const Schedule& schedule, bool hopper, fvattn::plugin::Workspace& workspace);

}  // namespace sta::gpu
