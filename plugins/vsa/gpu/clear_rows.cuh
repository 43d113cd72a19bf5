// Rows that no kernel of the engine writes.
#pragma once

#include "block_rows.cuh"

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct ClearArgs {
  sm80::MutableTensor to;  // [batch, rows, heads, head_dim] of 16-bit elements
  float* lse;              // [batch, heads, rows]: becomes -inf there; null: none
  int batch, rows, heads, head_dim;
  BlockMap map;
  bool tokens;  // rows that hold a token too, instead of the padding of the tiled layout alone
};

/// One launch; none when there is nothing to clear.
cudaError_t clear_rows(const ClearArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
