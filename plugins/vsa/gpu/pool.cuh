// Means of the blocks of q, k and v.
#pragma once

#include "block_rows.cuh"

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct PoolArgs {
  sm80::ConstTensor from[3];  // [batch, rows, heads, head_dim]
  sm80::MutableTensor to[3];  // [batch, blocks, heads, head_dim]
  int heads[3];
  int batch, head_dim;
  BlockMap map;
};

/// Sums in float32, in the order of the tokens, divides by how many there are and rounds. One launch.
template <class Element>
cudaError_t pool(const PoolArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
