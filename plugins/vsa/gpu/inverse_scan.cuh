// Where each transposed list starts.
#pragma once

#include <cuda_runtime_api.h>

namespace vsa::gpu {

/// offsets[i] = totals[0] + ... + totals[i - 1], for i up to `rows` included.
cudaError_t scan_totals(const int* totals, long long* offsets, long long rows, cudaStream_t stream);

}  // namespace vsa::gpu
