// What d_o means for the fine branch, the coarse branch and the gate.
#pragma once

#include "block_rows.cuh"

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct SplitArgs {
  sm80::ConstTensor o, d_o;      // [batch, rows, heads, head_dim]
  sm80::ConstTensor low;         // as o: what rounding took off it
  sm80::ConstTensor gate;        // as o; null: 1
  sm80::ConstTensor coarse;      // [batch, blocks, heads, head_dim]
  sm80::MutableTensor d_gate;    // as gate; null: not wanted
  sm80::MutableTensor d_coarse;  // as coarse
  float* delta;                  // [batch, heads, rows]
  int batch, rows, heads, head_dim;
  BlockMap map;
};

/// With fine = o + low - gate * coarse: delta = rowsum(d_o * fine), d_gate = d_o * coarse, d_coarse = the sum of gate * d_o
/// over the tokens of a block, divided by the slots of a block so that float16 holds what float16 gradients sum up to.
/// Repeats bitwise. One launch.
template <class Element>
cudaError_t split_gradient(const SplitArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
