// Token maps of chunks: sets of keys that are chosen together and need more than one tile. VMOBA_ATTN.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

/// Boxes of the raster grid, row-major, each cut into tiles of its tokens in t-major order. A run of the sequence is a
/// box of a grid with one frame and one row. Boxes at the far edges are clipped: their tiles have slots without a token.
struct ChunkBoxMap {
  Extent3 grid, chunk;

  FVATTN_BOTH int chunks() const {
    return ceil_div(grid.t, chunk.t) * ceil_div(grid.h, chunk.h) * ceil_div(grid.w, chunk.w);
  }
  template <int kRows>
  FVATTN_BOTH int tiles_per_chunk() const {
    return ceil_div(chunk.volume(), kRows);
  }
  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return chunks() * tiles_per_chunk<kRows>();
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem&, int tile, int slot) const {
    const int per_chunk = tiles_per_chunk<kRows>(), number = tile / per_chunk, at = tile % per_chunk * kRows + slot;
    if (at >= chunk.volume()) return kNoRow;
    const int n_h = ceil_div(grid.h, chunk.h), n_w = ceil_div(grid.w, chunk.w);
    const int t = number / (n_h * n_w) * chunk.t + at / (chunk.h * chunk.w),
              h = number / n_w % n_h * chunk.h + at / chunk.w % chunk.h, w = number % n_w * chunk.w + at % chunk.w;
    return t < grid.t && h < grid.h && w < grid.w ? (t * grid.h + h) * grid.w + w : kNoRow;
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    return row<kRows>({}, tile, kRows - 1) != kNoRow && grid.t % chunk.t == 0 && grid.h % chunk.h == 0 &&
           grid.w % chunk.w == 0;
  }
};

/// Runs of a sequence: chunk c holds rows [starts[c], starts[c + 1]), at most `longest` of them.
struct ChunkRunMap {
  const int* starts;
  int count, longest;

  FVATTN_BOTH int chunks() const { return count; }
  template <int kRows>
  FVATTN_BOTH int tiles_per_chunk() const {
    return ceil_div(longest, kRows);
  }
  template <int kRows>
  FVATTN_BOTH int tiles() const {
    return count * tiles_per_chunk<kRows>();
  }
  template <int kRows>
  FVATTN_BOTH int row(const WorkItem&, int tile, int slot) const {
    const int number = tile / tiles_per_chunk<kRows>(), at = starts[number] + tile % tiles_per_chunk<kRows>() * kRows + slot;
    return at < starts[number + 1] ? at : kNoRow;
  }
  template <int kRows>
  FVATTN_BOTH bool full(int tile) const {
    return row<kRows>({}, tile, kRows - 1) != kNoRow;
  }
};

}  // namespace fvattn::engine
