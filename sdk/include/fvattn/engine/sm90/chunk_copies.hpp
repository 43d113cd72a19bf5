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

  // Boxes that divide the grid. A tile is frames of the chunk, or rows of a frame, or a part of a row: as many as fit and
  // divide it, or evenly many where the grid ends with the chunk. Nothing where a copy cannot be that large.
  static std::optional<ChunkCopies> of_boxes(const Extent3& grid, const Extent3& chunk, int tile_rows) {
    constexpr int kMostOfCopy = 256; // along an axis
    ChunkCopies c;
    c.axes = grid;
    c.counts = {grid.t / chunk.t, grid.h / chunk.h, grid.w / chunk.w};
    c.pitch = c.box = chunk;
    c.tiles = {1, 1, 1};
    const int row = chunk.w, frame = chunk.h * row;
    if (frame <= tile_rows) {
      cut(chunk.t, tile_rows / frame, chunk.t == grid.t, c.tiles.t, c.box.t);
    } else if (row <= tile_rows) {
      c.tiles.t = chunk.t, c.box.t = 1;
      cut(chunk.h, tile_rows / row, chunk.t == 1 && chunk.h == grid.h, c.tiles.h, c.box.h);
    } else {
      c.tiles.t = chunk.t, c.box.t = 1, c.tiles.h = chunk.h, c.box.h = 1;
      cut(chunk.w, tile_rows, frame == row && chunk.t == 1 && chunk.w == grid.w, c.tiles.w, c.box.w);
    }
    if (c.box.t > kMostOfCopy || c.box.h > kMostOfCopy || c.box.w > kMostOfCopy) return std::nullopt;
    c.last_keys = chunk.volume() - (c.tiles_per_chunk() - 1) * c.keys();
    return c;
  }

 private:
  // `extent` as `tiles` times `part` with part <= most; the last one may be shorter where `open`.
  static void cut(int extent, int most, bool open, int& tiles, int& part) {
    part = smaller(extent, most);
    if (open) {
      part = ceil_div(extent, ceil_div(extent, part));
    } else {
      while (extent % part != 0) --part;
    }
    tiles = ceil_div(extent, part);
  }
};

} // namespace fvattn::engine::sm90
