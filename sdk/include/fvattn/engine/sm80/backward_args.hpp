// What a backward call is given.
#pragma once

#include <fvattn/engine/sm80/tensor.hpp>

namespace fvattn::engine::sm80 {

/// q, o, d_o, d_q [stored_batch, q_rows, q_heads, head_dim]; k, v, d_k, d_v [stored_batch, rows, kv_heads, head_dim];
/// each with strides of its own. o and lse are those of the forward pass over all keys of a row, by query row. All memory
/// is the caller's, on the device of the stream; outputs overlap nothing. Gradients of rows that the policy's maps name
/// are written, whole; a policy with an o_map writes the part of d_q that its item computes to the rows of the o_map.
struct BackwardArgs {
  ConstTensor q, k, v, o, d_o;
  RowValues<const float*> lse;    // natural log, [stored_batch, q_heads, q_rows]
  RowValues<const float*> delta;  // rowsum(d_o * o) where the caller has it, as lse: o is not read then. Null: from o
  MutableTensor d_q, d_k, d_v;
  int batch = 1;         // items of the policy's schedule (the sequences of a pack)
  int stored_batch = 1;  // batches in memory: 1 for a pack, else `batch`
  int q_rows = 0;
  int q_heads = 1;
  int kv_heads = 1;
  int head_dim = 0;
  float scale = 1.0f;
  bool deterministic = false;  // false: d_q is summed by atomics, faster, and its last bits vary between runs
  void* workspace = nullptr;   // backward_workspace_bytes(), 16-byte aligned; its content does not matter
};

}  // namespace fvattn::engine::sm80
