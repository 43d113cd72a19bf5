// Block lists that come from outside, in the form of the engine.
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct GivenLists {
  const int *index, *count;
  std::int64_t index_strides[4], count_strides[3];
  int batch, heads, blocks, width;
};

/// index [batch, heads, blocks, width] ascending, count [batch, heads, blocks]. Blocks that do not exist are left out, one
/// that comes twice counts once, and a count beyond `width` is `width`: an error would need a look at device memory.
cudaError_t read_given(const GivenLists& given, int* index, int* count, cudaStream_t stream);

}  // namespace vsa::gpu
