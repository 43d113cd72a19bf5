// Tensors in the reference's tile order.
#pragma once

#include "vsa_test.hpp"

namespace vsa_test {

/// x [B, tokens, ...] in the reference's tile order; padding is NaN, which must reach nothing.
inline Tensor tiled(const Tensor& x, const Triple& shape, const Triple& tile) {
  const std::vector<int64_t> slot = fvattn::vsa::get_untile_combined_index(shape, tile);
  std::vector<int64_t> sizes = x.shape();
  sizes[1] = fvattn::vsa::volume(fvattn::vsa::num_tiles(shape, tile)) * fvattn::vsa::volume(tile);
  Tensor to(x.dtype(), sizes);
  const int64_t row = sizes[2] * sizes[3];
  for (int64_t b = 0; b < sizes[0]; ++b)
    for (size_t i = 0; i < slot.size(); ++i)
      for (int64_t d = 0; d < row; ++d)
        to.set((b * sizes[1] + slot[i]) * row + d, x.get((b * x.shape()[1] + static_cast<int64_t>(i)) * row + d));
  return to;
}

/// The raster tokens of a tiled result equal `raster`, and its padding is zero.
inline void check_same(const Tensor& got, const Tensor& raster, const Triple& shape, const Triple& tile) {
  const Tensor want = tiled(raster, shape, tile);
  for (int64_t i = 0; i < want.size(); ++i) {
    const double expected = std::isnan(want.get(i)) ? 0 : want.get(i);
    REQUIRE(got.get(i) == expected);
  }
}

}  // namespace vsa_test
