// VIDEO_SPARSE_ATTN on the cpu engine.
#pragma once

#include "../kept_blocks.hpp"

namespace vsa::cpu {

/// What is saved, and the workspace of both directions, for the largest step.
void plan(const fvattn_problem& p, const Metadata& meta, fvattn::plugin::Plan& plan);
uint64_t forward_bytes(const fvattn_problem& p, const Metadata& meta);
uint64_t backward_bytes(const fvattn_problem& p, const Metadata& meta);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);
/// The lists of a call that has some, as forward makes them.
KeptBlocks kept_blocks(const fvattn::plugin::Call& call, const Schedule& schedule);

}  // namespace vsa::cpu
