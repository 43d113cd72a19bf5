// The reference's tile order: tiles row-major in the grid, tokens row-major in a tile. Edge tiles that a grid clips are
// shorter; nothing is padded.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace fvattn::sta {

/// order[p] = raster row of the token at position p of the tiled sequence; a permutation of T * H * W.
///   tiled[p] = raster[order[p]]
std::vector<int> tile_order(std::array<int, 3> grid, std::array<int, 3> tile = {6, 8, 8});

}  // namespace fvattn::sta
