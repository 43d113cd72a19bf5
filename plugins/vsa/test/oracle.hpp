// VIDEO_SPARSE_ATTN in float64 from its definition, given which blocks each query block keeps.
#pragma once

#include "vsa_test.hpp"

namespace vsa_test {

/// Tokens of the grid in raster order, their blocks, and block means.
struct Grid {
  std::vector<int32_t> sizes;
  std::vector<int64_t> block_of;  // of each raster token

  explicit Grid(const Triple& grid, const Triple& tile = fvattn::vsa::kTileSize);
  int64_t blocks() const { return static_cast<int64_t>(sizes.size()); }
  /// x [batch, tokens, heads, dim] -> [batch, blocks, heads, dim]; sums instead of means on request.
  std::vector<double> pooled(const std::vector<double>& x, int64_t batch, int64_t heads, int64_t dim,
                             bool mean = true) const;
  /// Adds to each token its share of the gradient of its block's mean.
  void add_pooled(const std::vector<double>& d_mean, int64_t batch, int64_t heads, int64_t dim,
                  std::vector<double>& to) const;
};

struct Expected {
  std::vector<double> o, lse, d_gate;
  Gradients d;
};

/// mask [batch, heads, blocks, blocks]; gate empty: none; coarse false: the fine branch alone.
Expected oracle(Case c, const Grid& grid, const Tensors& in, const std::vector<double>& gate,
                const std::vector<double>& mask, const std::vector<double>& d_o, bool coarse = true);

/// Coarse scores [batch, heads, blocks, blocks] of unrounded means.
std::vector<double> coarse_scores(const Case& c, const Grid& grid, const Tensors& in);

}  // namespace vsa_test
