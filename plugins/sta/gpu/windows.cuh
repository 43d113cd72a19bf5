// The windows of a call in device memory.
#pragma once

#include <cuda_runtime_api.h>
#include <fvattn/engine/token_map.hpp>

namespace sta::gpu {

/// device[0 .. heads) = host[0 .. heads), on the stream. The values travel as arguments of a launch: host memory may go or
/// change at once, also while a graph is captured.
cudaError_t upload_windows(const fvattn::engine::Extent3* host, int heads, fvattn::engine::Extent3* device,
                           cudaStream_t stream);

}  // namespace sta::gpu
