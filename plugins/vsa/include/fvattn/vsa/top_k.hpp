// How many key blocks each query block attends.
#pragma once

#include <cmath>
#include <cstdint>

namespace fvattn::vsa {

/// clamp(ceil((1 - sparsity) * blocks), 1, blocks), in double and in this order: (1 - 0.7) * 10 gives 4.
inline int64_t top_k(double sparsity, int64_t blocks) {
  const auto k = static_cast<int64_t>(std::ceil((1 - sparsity) * static_cast<double>(blocks)));
  return k < 1 ? 1 : k > blocks ? blocks : k;
}

/// The rule of the older reference: ceil((1 - sparsity) * (tokens / block_volume)), which counts no padding. It is below the
/// number of blocks on ragged grids even at sparsity 0, and 0 at sparsity 1 (then the fine branch gives 0).
inline int64_t reference_top_k(double sparsity, int64_t tokens, int64_t block_volume) {
  const double blocks = static_cast<double>(tokens) / static_cast<double>(block_volume);
  return static_cast<int64_t>(std::ceil((1 - sparsity) * blocks));
}

}  // namespace fvattn::vsa
