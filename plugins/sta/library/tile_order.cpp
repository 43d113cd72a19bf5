#include <fvattn/sta/tile_order.hpp>

#include <algorithm>

namespace fvattn::sta {

std::vector<int> tile_order(std::array<int, 3> grid, std::array<int, 3> tile) {
  const auto [T, H, W] = grid;
  std::vector<int> order;
  order.reserve(static_cast<size_t>(T) * H * W);
  for (int t0 = 0; t0 < T; t0 += tile[0])
    for (int h0 = 0; h0 < H; h0 += tile[1])
      for (int w0 = 0; w0 < W; w0 += tile[2])
        for (int t = t0; t < std::min(t0 + tile[0], T); ++t)
          for (int h = h0; h < std::min(h0 + tile[1], H); ++h)
            for (int w = w0; w < std::min(w0 + tile[2], W); ++w) order.push_back((t * H + h) * W + w);
  return order;
}

}  // namespace fvattn::sta
