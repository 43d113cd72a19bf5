// The union of the lists of neighbouring query blocks, for kernels that load it once for all of them.
#pragma once

#include <cuda_runtime_api.h>

namespace vsa::gpu {

struct GroupArgs {
  const int *index, *count;  // [batch, heads, blocks, width] ascending, [batch, heads, blocks]
  int batch, heads, blocks, width;
  int size;                 // query blocks of a group, up to 3: block b is in group b / size
  int *group, *group_count;  // [batch, heads, groups, size * width], [batch, heads, groups]
};

/// group: key block * 2^size + bits of the query blocks of the group that list it, ascending. One launch, the same bits
/// every time. Up to 2^15 blocks.
cudaError_t group_lists(const GroupArgs& args, cudaStream_t stream);

}  // namespace vsa::gpu
