// How TMA sees one tensor through a token map: a run of the sequence has 4 dimensions, boxes of a raster grid have 5, and
// the text behind the grid 4 again.
#pragma once

#include <cuda.h>

#include <fvattn/engine/token_map.hpp>

#include <concepts>

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
template <class Map>
  requires std::derived_from<Map, BoxMap>
struct ViewMaps<Map> : ViewMaps<BoxMap> {};

// body(tensor map, coordinates) of the copy that begins at slot `row` of a tile of kTileRows slots, columns of `chunk`.
template <int kTileRows, class Body>
__device__ __forceinline__ void with_copy(const ViewMaps<LinearMap>& maps, const LinearMap&, int batch, int head, int tile,
                                          int row, int chunk, Body&& body) {
  body(&maps.run, Coords4{chunk * kChunkColumns, tile * kTileRows + row, head, batch});
}

// A tile is one box; a copy is the whole box or a run of its frames.
template <int kTileRows, std::derived_from<BoxMap> Map, class Body>
__device__ __forceinline__ void with_copy(const ViewMaps<BoxMap>& maps, const Map& map, int, int head, int tile, int row,
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

// A tile is several boxes, a copy one of them. Numbers behind the last box lie behind the last frame.
template <int kTileRows, std::derived_from<BoxMap> Map, class Body>
  requires requires { Map::kBoxes; }
__device__ __forceinline__ void with_copy(const ViewMaps<BoxMap>& maps, const Map& map, int, int head, int tile, int row,
                                          int chunk, Body&& body) {
  const Extent3 at = map.position(tile * Map::kBoxes + row / (kTileRows / Map::kBoxes));
  body(&maps.grid, Coords5{chunk * kChunkColumns, at.w * map.box.w, at.h * map.box.h, at.t * map.box.t, head});
}

} // namespace fvattn::engine::sm90
