// VMOBA_ATTN on GPUs: the one place that knows which kernel serves which device and problem.
#pragma once

#include "../config/config.hpp"

namespace vmoba::gpu {

/// What a plan decides beside sizes: for how many chunks a query its workspace has room to gather queries, 0 for none. topk
/// may change from step to step; a step with more runs in the other form.
struct PlanState {
  int gathered_chunks = 0;
  bool filters = false;  // the workspace has no room for a store of gates: none is needed
};

/// Which kernels attend. describe has it for each head in an output `forms` i32 [batch, heads].
enum class Form { dense_sm80, masked_sm80, gathered_sm80, gathered_sm90, dense_sm90 };

/// Adds the reasons why no kernel serves the problem on this CUDA device, or a score.
void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);
/// Workspace, flags and a PlanState; called only for problems that query accepted, as the rest. shared_bytes: what a block
/// of the device can have.
void plan(const fvattn_problem& p, const Config& config, uint64_t shared_bytes, bool hopper, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);
void describe(const fvattn::plugin::Call& call);

}  // namespace vmoba::gpu
