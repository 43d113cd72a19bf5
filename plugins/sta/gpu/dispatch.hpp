// SLIDING_TILE_ATTN on GPUs: the one place that knows which kernel serves which device and problem.
#pragma once

#include "../schedule.hpp"

namespace sta::gpu {

/// Adds the reasons why no kernel serves the problem on this CUDA device, or a score.
void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);
/// Workspace and flags; called only for problems that query accepted, as the rest. `hopper`: the device takes the sm90
/// engine.
void plan(const fvattn_problem& p, const Schedule& schedule, bool hopper, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);

}  // namespace sta::gpu
