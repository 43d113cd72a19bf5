// VIDEO_SPARSE_ATTN on the cpu engine.
#pragma once

#include "../metadata.hpp"

namespace vsa::cpu {

/// Workspace of both directions, for the largest step.
void plan(const fvattn_problem& p, const Metadata& meta, fvattn::plugin::Plan& plan);
uint64_t forward_bytes(const fvattn_problem& p, const Metadata& meta);
uint64_t backward_bytes(const fvattn_problem& p, const Metadata& meta);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);
void describe(const fvattn::plugin::Call& call);

}  // namespace vsa::cpu
