// The order of key blocks by length_class (key_order.hpp).
#pragma once

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct KeyOrderArgs {
  const long long* offsets;  // of the transposed lists (inverse.cuh), [batch * heads * blocks + 1]
  int batch, heads, kv_heads, blocks;
  int* order;  // [batch, kv_heads * blocks]: numbers kv head * blocks + block of the batch entry
};

/// Up to kMostOrdered numbers. One launch. The same bits every time.
cudaError_t key_order(const KeyOrderArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
