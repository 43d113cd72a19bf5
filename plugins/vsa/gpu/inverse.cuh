// The transposed block lists, for gradients with keys stationary.
#pragma once

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct InverseArgs {
  const int *index, *count;  // [batch, heads, blocks, width] ascending, [batch, heads, blocks]
  int batch, heads, blocks, width;
  int* list;           // [batch * heads * blocks * width]: query blocks of each key block, ascending
  long long* offsets;  // [batch * heads * blocks + 1]
  int* totals;         // scratch [batch * heads * blocks]
};

/// Three launches. The same bits every time.
cudaError_t invert(const InverseArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
