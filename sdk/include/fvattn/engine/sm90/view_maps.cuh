// How TMA sees one tensor through a token map: a run of the sequence has 4 dimensions, boxes of a raster grid have 5, and
// the text behind the grid 4 again.
#pragma once

#include <cuda.h>

#include <fvattn/engine/token_map.hpp>

#include "fvattn/engine/sm90/forward_config.hpp"
#include "fvattn/engine/sm90/tensor_coords.hpp"

namespace fvattn::engine::sm90 {

template <class Map>
struct ViewMaps;

// Dimensions {channels, tokens, heads, batch}.
template <>
struct ViewMaps<LinearMap> {
  static constexpr bool kHasBatch = true;
  CUtensorMap run;
};

// Dimensions {channels, columns, rows, frames, heads}, and {channels, tokens, heads, 1} for text. With no sixth dimension
// for the batch, each batch entry is a launch with maps of its own.
template <>
struct ViewMaps<BoxMap> {
  static constexpr bool kHasBatch = false;
  CUtensorMap grid, text;
};

// body(tensor map, coordinates) of the copy that begins at slot `row` of a tile of kTileRows slots, columns of `chunk`.
template <int kTileRows, class Body>
__device__ __forceinline__ void with_copy(const ViewMaps<LinearMap>& maps, const LinearMap&, int batch, int head, int tile,
                                          int row, int chunk, Body&& body) {
  body(&maps.run, Coords4{chunk * kChunkColumns, tile * kTileRows + row, head, batch});
}

// A tile is one box; a copy is the whole box or a run of its frames.
template <int kTileRows, class Body>
__device__ __forceinline__ void with_copy(const ViewMaps<BoxMap>& maps, const BoxMap& map, int, int head, int tile, int row,
                                          int chunk, Body&& body) {
  const int boxes = map.boxes();
  if (tile >= boxes) {
    body(&maps.text, Coords4{chunk * kChunkColumns, (tile - boxes) * kTileRows + row, head, 0});
  } else {
    const Extent3 at = map.position(tile);
    body(&maps.grid, Coords5{chunk * kChunkColumns, at.w * map.box.w, at.h * map.box.h,
                             at.t * map.box.t + row / (map.box.h * map.box.w), head});
  }
}

} // namespace fvattn::engine::sm90
