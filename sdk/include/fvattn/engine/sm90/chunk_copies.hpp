// Token map of keys that come chunk by chunk: each chunk of a sequence is cut into tiles that one tensor copy brings.
// Host code decides how, so that kernels only add and compare. A copy never brings a token of another chunk: what lies
// outside arrives as zeros.
#pragma once

#include <fvattn/engine/token_map.hpp>

#include <optional>

namespace fvattn::engine::sm90 {

// Axes t, h, w are those of the tensor that copies see. In raster grids they are the grid's. A run of the sequence that is
// cut into chunks of `n` tokens has w for the token in its chunk and h for the chunk; its last chunk, if it is shorter, is
// a tensor of its own.
struct ChunkCopies {
  Extent3 axes;       // of the tensor; h may be 0 where there is but one, short chunk
  Extent3 counts;     // chunks along each axis, numbered row-major
  Extent3 pitch;      // from one chunk to the next
  Extent3 tiles;      // copies of a chunk along each axis, numbered row-major
  Extent3 box;        // tokens of a copy
  int last_keys = 0;  // keys of a chunk's last tile; all others have keys()
  int short_tiles = 0, short_keys = 0; // of the last chunk, where that is shorter; 0: it is not
  int short_length = 0;

  FVATTN_BOTH int chunks() const { return counts.volume(); }
  FVATTN_BOTH int tiles_per_chunk() const { return tiles.volume(); }
  FVATTN_BOTH int keys() const { return box.volume(); }
  FVATTN_BOTH bool is_short(int chunk) const { return short_tiles > 0 && chunk + 1 == chunks(); }
  FVATTN_BOTH int tiles_of(int chunk) const { return is_short(chunk) ? short_tiles : tiles_per_chunk(); }

  // Where a chunk begins, and where its tiles lie behind that. A short last chunk begins at 0 of its own tensor.
  FVATTN_BOTH Extent3 chunk_at(int chunk) const {
    if (is_short(chunk)) return {0, 0, 0};
    const int plane = counts.h * counts.w;
    return {chunk / plane * pitch.t, chunk / counts.w % counts.h * pitch.h, chunk % counts.w * pitch.w};
  }
  FVATTN_BOTH Extent3 tile_at(int tile) const {
    const int plane = tiles.h * tiles.w;
    return {tile / plane * box.t, tile / tiles.w % tiles.h * box.h, tile % tiles.w * box.w};
  }

  // Chunks of `length` tokens each; the last one is what remains.
  static ChunkCopies of_run(int tokens, int length, int tile_rows) {
    const int whole = tokens / length, rest = tokens % length;
    ChunkCopies c;
    c.axes = {1, whole, length};
    c.counts = {1, whole + (rest > 0 ? 1 : 0), 1};
    c.pitch = {0, 1, 0};
    c.tiles = {1, 1, ceil_div(length, tile_rows)};
    c.box = {1, 1, tile_rows};
    c.last_keys = length - (c.tiles.w - 1) * tile_rows;
    if (rest == 0) return c;
    c.short_length = rest;
    c.short_tiles = ceil_div(rest, tile_rows);
    c.short_keys = rest - (c.short_tiles - 1) * tile_rows;
    return c;
  }

  // Boxes that divide the grid. A tile is a box that divides the chunk, the one that leaves the fewest tiles; of those, the
  // one with the longest rows, then the tallest. Where an axis that alone is cut ends with the grid, its parts are evenly many
  // instead. Nothing where a copy cannot be that large.
  static std::optional<ChunkCopies> of_boxes(const Extent3& grid, const Extent3& chunk, int tile_rows) {
    constexpr int kMostOfCopy = 256; // along an axis
    ChunkCopies c;
    c.axes = grid;
    c.counts = {grid.t / chunk.t, grid.h / chunk.h, grid.w / chunk.w};
    c.pitch = chunk;
    bool any = false;
    const auto offer = [&](const Extent3& box) {
      if (box.volume() > tile_rows || box.t > kMostOfCopy || box.h > kMostOfCopy || box.w > kMostOfCopy) return;
      const Extent3 tiles{ceil_div(chunk.t, box.t), ceil_div(chunk.h, box.h), ceil_div(chunk.w, box.w)};
      if (any && tiles.volume() >= c.tiles_per_chunk()) return;
      c.tiles = tiles, c.box = box, any = true;
    };
    for (int w = chunk.w; w > 0; --w)
      for (int h = chunk.w % w == 0 ? chunk.h : 0; h > 0; --h)
        for (int t = chunk.h % h == 0 ? chunk.t : 0; t > 0; --t)
          if (chunk.t % t == 0) offer({t, h, w});
    // What lies outside of the grid comes as zeros behind the keys of the last tile.
    const auto even = [&](int extent, int others) {
      const int most = smaller(kMostOfCopy, smaller(extent, tile_rows / others));
      return most > 0 ? ceil_div(extent, ceil_div(extent, most)) : extent;
    };
    if (chunk.t == grid.t) offer({even(chunk.t, chunk.h * chunk.w), chunk.h, chunk.w});
    if (chunk.t == 1 && chunk.h == grid.h) offer({1, even(chunk.h, chunk.w), chunk.w});
    if (chunk.t == 1 && chunk.h == 1 && chunk.w == grid.w) offer({1, 1, even(chunk.w, 1)});
    if (!any) return std::nullopt;
    c.last_keys = chunk.volume() - (c.tiles_per_chunk() - 1) * c.keys();
    return c;
  }
};

} // namespace fvattn::engine::sm90
