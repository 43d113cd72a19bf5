// What the row-mask policy asks beside the bits: the chunks of each query tile, and the query tiles of each chunk.
#pragma once

#include "choice_bits.hpp"
#include "policies.hpp"

#include <cuda_runtime_api.h>
#include <fvattn/plugin/workspace.hpp>

namespace vmoba::gpu {

/// Of one batch entry. Query tiles lie inside one chunk each, so that their rows share a sequence, an own chunk, and often
/// the others.
class TileChoices {
 public:
  /// most_chunks, longest, of_sequence: limits of the chunks. Lists of query tiles are made `with_inverse`, for gradients.
  TileChoices(int heads, int most_chunks, int longest, int of_sequence, int words, int tile_q, bool with_inverse,
              fvattn::plugin::Workspace& workspace);

  /// From the bits of every row, on the stream.
  cudaError_t fill(const Chunks& chunks, const ChoiceBits& bits, cudaStream_t stream) const;
  /// form (GatherLists): for the heads that it gives 1, or all.
  RowMask policy(const Chunks& chunks, const ChoiceBits& bits, const int* form) const;

 private:
  int heads_, chunks_, q_tiles_, width_, words_, tile_q_;
  int *list_, *count_, *sizes_ = nullptr, *inverse_ = nullptr;
  std::uint32_t* of_tile_;  // [heads, q_tiles, words]: the union of the rows' bits
  long long* offsets_ = nullptr;
};

}  // namespace vmoba::gpu
