// What a forward call is given.
#pragma once

#include <fvattn/engine/sm80/tensor.hpp>

namespace fvattn::engine::sm80 {

/// q, o [batch, rows, q_heads, head_dim]; k, v [batch, rows, kv_heads, head_dim]; how many rows there are, only the
/// policy's maps know. q_heads is a multiple of kv_heads. head_dim is a multiple of 8, at most the kernel's. All memory
/// is the caller's, on the device of the stream; outputs do not overlap inputs.
struct ForwardArgs {
  ConstTensor q, k, v;
  MutableTensor o;
  RowValues<float*> lse;  // natural log, scale included; -inf for a row without keys. Null: not wanted.
  int batch = 1;          // items of the policy's schedule (the sequences of a pack)
  int q_heads = 1;
  int kv_heads = 1;
  int head_dim = 0;
  float scale = 1.0f;  // of the logits; any finite value
};

}  // namespace fvattn::engine::sm80
