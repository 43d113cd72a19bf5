// A backend made for the tests, in-process, that uses what TORCH_SDPA does not: stages with padded lengths, required
// metadata, saved tensors, further outputs, workspace with an alignment, differentiable and plain extras.
//
// It computes o = factor * gate * q + mean(v) + offset, on rows that preprocess reverses and pads and postprocess
// restores, and refuses tensors that the ABI does not promise.
#pragma once

#include "fixture.hpp"

namespace fvattn::test {

/// What the backend saw last.
struct StagedSeen {
  int64_t forward_step = -1, backward_step = -1, total_steps = -1;
  double timestep = -1;
  bool cfg_negative = false;
  std::string prefix;
  int32_t layer_index = -1;
  int created = 0, destroyed = 0, plans = 0;
};
StagedSeen& staged_seen();

/// A context in which STAGED_ATTN is registered.
Context& staged_context();
LocalAttentionOptions staged_options(int64_t heads, int64_t head_size);

}  // namespace fvattn::test
