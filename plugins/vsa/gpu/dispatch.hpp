// VIDEO_SPARSE_ATTN on GPUs: the one place that knows which kernel serves which device and problem.
#pragma once

#include "../kept_blocks.hpp"

namespace vsa::gpu {

/// Adds the reasons why no kernel serves the problem on this CUDA device, or a score.
void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);
/// What is saved, workspace and flags; called only for problems that query accepted, as the rest. UNIMPLEMENTED for grids of
/// more blocks than the selection takes. `hopper`: the device takes the sm90 engine.
void plan(const fvattn_problem& p, const Metadata& meta, bool hopper, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);
/// The lists of a call that has some, as forward makes them, in host memory; waits for the stream.
KeptBlocks kept_blocks(const fvattn::plugin::Call& call, const Schedule& schedule);

}  // namespace vsa::gpu
