// Where a tile lies in a tensor map: token maps as TMA coordinates. The maps are encoded as tensor_map.hpp says.
#pragma once

#include <fvattn/engine/token_map.hpp>

#include "fvattn/engine/sm90/forward_config.hpp"
#include "fvattn/engine/sm90/tma.cuh"

namespace fvattn::engine::sm90 {

// Dimensions {channels, tokens, heads, batch}.
template <int kRows>
__device__ __forceinline__ Coords4 tile_coords(const LinearMap&, int batch, int head, int tile, int row, int chunk) {
  return {chunk * kChunkColumns, tile * kRows + row, head, batch};
}

// Dimensions {channels, columns, rows, frames, heads} of one batch entry. A copy is a whole box: `row` counts the boxes
// that a query tile or key tile is made of, each of box.volume() slots.
template <int kRows>
__device__ __forceinline__ Coords5 tile_coords(const BoxMap& map, int, int head, int tile, int row, int chunk) {
  const Extent3 at = map.position(tile * (kRows / map.box.volume()) + row / map.box.volume());
  return {chunk * kChunkColumns, at.w * map.box.w, at.h * map.box.h, at.t * map.box.t, head};
}

} // namespace fvattn::engine::sm90
