// Which key blocks each query block keeps: the best by the scores of the block means, the lowest index among equal ones.
#pragma once

#include "block_rows.cuh"

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct SelectArgs {
  sm80::ConstTensor q, k;  // means [batch, blocks, heads or kv heads, head_dim]
  int batch, blocks, heads, kv_heads, head_dim;
  int kept;  // of each row, below `blocks`
  float scale;
  int* index;  // [batch, heads, blocks, width] ascending
  int* count;  // [batch, heads, blocks]
  int width;
};

/// Scores are float32 products rounded to Element, scaled, and rounded again. Repeats bitwise. Up to 2^15 blocks.
template <int kHeadDim, class Element>
cudaError_t select(const SelectArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
