// The order of key blocks by KeyOrder (key_order.hpp).
#pragma once

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct KeyOrderArgs {
  const long long* offsets;  // of the transposed lists (inverse.cuh), [batch * heads * blocks + 1]
  int batch, heads, kv_heads, blocks;
  int ctas;    // CTAs of the kernel that run at once
  int* order;  // [batch, kv_heads * blocks]: numbers kv head * blocks + block of the batch entry
};

/// Up to kMostOrdered numbers. One launch. Numbers of one place may change places between runs.
cudaError_t key_order(const KeyOrderArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
