// A window of sliding tile attention: extents (t, h, w), counted in tiles.
#pragma once

#include <fvattn/sta/error.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace fvattn::sta {

using Window = std::array<int, 3>;

/// Stands for an entry that a table does not have.
inline constexpr Window kNoWindow{-1, -1, -1};

/// "[3, 1, 10]": the key of a window in result files.
std::string window_key(const Window& window);
/// From "3, 1, 10", spaces allowed. StaError unless it is three integers of at least 1.
Window parse_window(std::string_view text);

/// t * h * w as given: what the reference's sparsity counts.
inline int64_t volume(const Window& w) { return int64_t{w[0]} * w[1] * w[2]; }
/// Tiles along one axis of `tiles` that a query attends: an even window below the extent attends one more.
constexpr int attended(int window, int tiles) {
  return window < tiles && 2 * (window / 2) + 1 < tiles ? 2 * (window / 2) + 1 : tiles;
}
/// The share of all tiles that a query attends in a grid of `tiles`.
inline double density(const Window& w, const Window& tiles) {
  double share = 1;
  for (size_t i = 0; i < 3; ++i) share *= static_cast<double>(attended(w[i], tiles[i])) / tiles[i];
  return share;
}

}  // namespace fvattn::sta
