// The mean keys as sums of 16-bit parts, for gates by matrix products.
#pragma once

#include "chunks.hpp"

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <fvattn/plugin/workspace.hpp>

#include <type_traits>

namespace vmoba::gpu {

/// Parts of a float: of 8 bits each, or 11.
template <class Element>
inline constexpr int kParts = std::is_same_v<Element, __nv_bfloat16> ? 3 : 2;
inline constexpr int kMostParts = 3;

/// A mean less the head's reference is scale * (sum of the parts + at most 2^-23). What the gates of a query have in common
/// does not change a choice, and without it the parts say more about the rest.
struct MeanParts {
  MeanParts() = default;
  MeanParts(int kv_heads, int chunks, int dim, fvattn::plugin::Workspace& workspace)
      : data(workspace.take<std::uint16_t>(int64_t{kv_heads} * kMostParts * chunks * dim)),
        scale(workspace.take<float>(int64_t{kv_heads} * chunks)),
        spread(workspace.take<float>(int64_t{kv_heads} * chunks)),
        length(workspace.take<float>(int64_t{kv_heads} * chunks)),
        by_channel(workspace.take<double>(int64_t{kv_heads} * dim * chunks)),
        chunks(chunks),
        dim(dim) {}

  std::uint16_t* data = nullptr;  // [kv_heads, parts, chunks, dim]
  float* scale = nullptr;         // [kv_heads, chunks]: powers of two
  // Norms of mean - reference and of the mean, rounded up; infinite where the parts are not usable.
  float *spread = nullptr, *length = nullptr;
  double* by_channel = nullptr;  // the means themselves, [kv_heads, dim, chunks]: lanes that have a chunk each read a line
  int chunks = 0, dim = 0;
};

/// means: of chunk_means(), all chunks of one sequence.
template <class Element>
cudaError_t split_means(const double* means, int kv_heads, const MeanParts& parts, cudaStream_t stream);

}  // namespace vmoba::gpu
