// For each chunk the query tiles that look at it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vmoba::gpu {

/// Bit c % 32 of of_tile[(head * q_tiles + tile) * words + c / 32]: the tile looks at chunk c.
struct TileBits {
  const std::uint32_t* of_tile;
  int heads, chunks, q_tiles, words;
};

/// inverse[offsets[head * chunks + c] .. offsets[... + 1]): the tiles of chunk c, ascending. sizes: [heads * chunks] of
/// scratch.
cudaError_t invert_tiles(const TileBits& bits, int* sizes, long long* offsets, int* inverse, cudaStream_t stream);

}  // namespace vmoba::gpu
