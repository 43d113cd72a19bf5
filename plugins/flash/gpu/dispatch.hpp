// FLASH_ATTN on GPUs: the one place that knows which kernel serves which device and problem.
#pragma once

#include <fvattn/plugin.hpp>

namespace flash::gpu {

/// Adds the reasons why no kernel serves the problem on this CUDA device, or a score.
void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);
/// Workspace and flags; called only for problems that query accepted, as the rest. `hopper`: the device takes the sm90
/// engine; sm_count: the device's, the same in both.
void plan(const fvattn_problem& p, bool hopper, int sm_count, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call, int sm_count);
void backward(const fvattn::plugin::Call& call);
/// on_host(call) with mask and cu_seqlens copied to host memory; waits for the stream.
void describe(const fvattn::plugin::Call& call, void (*on_host)(const fvattn::plugin::Call&));

}  // namespace flash::gpu
