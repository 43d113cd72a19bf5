#include "oracle.hpp"

namespace vsa_test {

Grid::Grid(const Triple& grid, const Triple& tile)
    : sizes(fvattn::vsa::construct_variable_block_sizes(grid, fvattn::vsa::num_tiles(grid, tile), tile)) {
  const Triple tiles = fvattn::vsa::num_tiles(grid, tile);
  for (int64_t t = 0; t < grid[0]; ++t)
    for (int64_t h = 0; h < grid[1]; ++h)
      for (int64_t w = 0; w < grid[2]; ++w)
        block_of.push_back((t / tile[0] * tiles[1] + h / tile[1]) * tiles[2] + w / tile[2]);
}

std::vector<double> Grid::pooled(const std::vector<double>& x, int64_t batch, int64_t heads, int64_t dim, bool mean) const {
  const auto tokens = static_cast<int64_t>(block_of.size()), row = heads * dim;
  std::vector<double> all(static_cast<size_t>(batch * blocks() * row), 0.0);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < tokens; ++i) {
      const int64_t block = block_of[static_cast<size_t>(i)];
      const double weight = mean ? 1.0 / sizes[static_cast<size_t>(block)] : 1.0;
      for (int64_t d = 0; d < row; ++d)
        all[static_cast<size_t>((b * blocks() + block) * row + d)] +=
            weight * x[static_cast<size_t>((b * tokens + i) * row + d)];
    }
  return all;
}

void Grid::add_pooled(const std::vector<double>& d_mean, int64_t batch, int64_t heads, int64_t dim,
                      std::vector<double>& to) const {
  const auto tokens = static_cast<int64_t>(block_of.size()), row = heads * dim;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < tokens; ++i) {
      const int64_t block = block_of[static_cast<size_t>(i)];
      for (int64_t d = 0; d < row; ++d)
        to[static_cast<size_t>((b * tokens + i) * row + d)] +=
            d_mean[static_cast<size_t>((b * blocks() + block) * row + d)] / sizes[static_cast<size_t>(block)];
    }
}

Expected oracle(Case c, const Grid& grid, const Tensors& in, const std::vector<double>& gate,
                const std::vector<double>& mask, const std::vector<double>& d_o, bool coarse) {
  const std::vector<double> q = in.at("q").values(), k = in.at("k").values(), v = in.at("v").values();
  const int64_t blocks = grid.blocks(), row = c.heads * int64_t{c.v_head_dim};
  c.visible = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    const int64_t from = grid.block_of[static_cast<size_t>(i)], to = grid.block_of[static_cast<size_t>(j)];
    return mask[static_cast<size_t>(((b * c.heads + h) * blocks + from) * blocks + to)] != 0;
  };
  const Reference fine = reference_forward(c, q, k, v);
  Expected expected{fine.o, fine.lse, std::vector<double>(d_o.size(), 0.0), reference_backward(c, q, k, v, d_o)};
  if (!coarse) return expected;
  Case pooled = c;
  pooled.visible = nullptr;
  pooled.scale = c.softmax_scale();
  pooled.q_len = pooled.kv_len = blocks;
  const std::vector<double> q_c = grid.pooled(q, c.batch, c.heads, c.head_dim),
                            k_c = grid.pooled(k, c.batch, c.kv_heads, c.head_dim),
                            v_c = grid.pooled(v, c.batch, c.kv_heads, c.v_head_dim);
  const std::vector<double> out_c = reference_forward(pooled, q_c, k_c, v_c).o;
  std::vector<double> gated(d_o);
  for (int64_t i = 0; i < static_cast<int64_t>(d_o.size()); ++i) {
    const int64_t token = i / row % c.q_len, batch = i / row / c.q_len;
    const double from_coarse =
        out_c[static_cast<size_t>((batch * blocks + grid.block_of[static_cast<size_t>(token)]) * row + i % row)];
    const auto at = static_cast<size_t>(i);
    expected.o[at] += from_coarse * (gate.empty() ? 1 : gate[at]);
    expected.d_gate[at] = from_coarse * d_o[at];
    if (!gate.empty()) gated[at] *= gate[at];
  }
  const Gradients d_c =
      reference_backward(pooled, q_c, k_c, v_c, grid.pooled(gated, c.batch, c.heads, c.v_head_dim, /*mean=*/false));
  grid.add_pooled(d_c.q, c.batch, c.heads, c.head_dim, expected.d.q);
  grid.add_pooled(d_c.k, c.batch, c.kv_heads, c.head_dim, expected.d.k);
  grid.add_pooled(d_c.v, c.batch, c.kv_heads, c.v_head_dim, expected.d.v);
  return expected;
}

std::vector<double> coarse_scores(const Case& c, const Grid& grid, const Tensors& in) {
  const std::vector<double> q = grid.pooled(in.at("q").values(), c.batch, c.heads, c.head_dim),
                            k = grid.pooled(in.at("k").values(), c.batch, c.kv_heads, c.head_dim);
  std::vector<double> scores;
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t h = 0; h < c.heads; ++h)
      for (int64_t i = 0; i < grid.blocks(); ++i)
        for (int64_t j = 0; j < grid.blocks(); ++j) {
          const double *x = q.data() + ((b * grid.blocks() + i) * c.heads + h) * c.head_dim,
                       *y = k.data() + ((b * grid.blocks() + j) * c.kv_heads + h / (c.heads / c.kv_heads)) * c.head_dim;
          scores.push_back(std::inner_product(x, x + c.head_dim, y, 0.0) * c.softmax_scale());
        }
  return scores;
}

}  // namespace vsa_test
