// Searching: how far a result is from the full one, head by head.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace sta::gpu {

/// A [batch, rows, heads, dim] result of 16-bit elements with unit stride in dim.
struct Result {
  const void* data;
  std::int64_t batch_stride, row_stride, head_stride;
};

struct LossSizes {
  int batch, rows, heads, dim;
};

/// Doubles of scratch that losses() needs.
std::int64_t loss_scratch(int heads);

/// l2[head], l1[head] = mean over batch, rows and channels of (a - b)^2 and |a - b|, in double; the sums' order is fixed.
template <class Element>
cudaError_t losses(const LossSizes& sizes, const Result& a, const Result& b, double* scratch, double* l2, double* l1,
                   cudaStream_t stream);

}  // namespace sta::gpu
