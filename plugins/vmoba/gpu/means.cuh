// The mean key of each chunk.
#pragma once

#include "chunks.hpp"
#include "rows.cuh"

#include <cuda_runtime_api.h>

namespace vmoba::gpu {

/// means[(kv_head * chunks.map.count + chunk) * dim + d], summed in double and rounded to float32 as the CPU's; the double
/// holds that float32, ready for products in double. Empty chunks get 0. dim is an
/// even number, at most 256; rows start at multiples of 4 bytes.
template <class Element>
cudaError_t chunk_means(const Chunks& chunks, const EntryRows<Element>& k, int kv_heads, double* means, cudaStream_t stream);

}  // namespace vmoba::gpu
