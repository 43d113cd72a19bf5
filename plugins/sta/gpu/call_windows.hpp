// The window policy over the rows of a call, whatever their order.
#pragma once

#include "../schedule.hpp"

#include <cuda_runtime_api.h>

namespace sta::gpu {

namespace engine = fvattn::engine;

/// A raster grid with text behind it whose rows lie in raster order, or in tile order: tile by tile, t-major in each,
/// edge tiles clipped and nothing padded.
struct CallMap : engine::BoxMap {
  engine::Extent3 tile;
  bool tiled = false;

  template <int kRows>
  FVATTN_BOTH int row(const engine::WorkItem& item, int number, int slot) const {
    const int raster = BoxMap::row<kRows>(item, number, slot);
    return tiled && raster >= 0 && raster < grid.volume() ? tiled_row(raster) : raster;
  }
  /// A function of its own: inlined, it made the backward kernels spill registers.
  __host__ __device__ __attribute__((noinline)) int tiled_row(int raster) const {
    const int t = raster / (grid.h * grid.w), h = raster / grid.w % grid.h, w = raster % grid.w;
    const int t0 = t / tile.t * tile.t, h0 = h / tile.h * tile.h, w0 = w / tile.w * tile.w;
    const int deep = engine::smaller(tile.t, grid.t - t0), high = engine::smaller(tile.h, grid.h - h0),
              wide = engine::smaller(tile.w, grid.w - w0);
    const int before = (t0 * grid.h + deep * h0) * grid.w + deep * high * w0;  // in the tiles before this one
    return before + ((t - t0) * high + h - h0) * wide + w - w0;
  }
};

/// The maps hide those of the base, which only count tiles; an engine reads rows through these.
struct CallWindows : engine::WindowPolicy {
  CallMap q_map, kv_map;

  CallWindows(const engine::WindowPolicy& windows, bool tiled)
      : WindowPolicy(windows), q_map{windows.q_map, windows.tile, tiled}, kv_map{windows.kv_map, windows.tile, tiled} {}
};

static_assert(engine::BackwardPolicy<CallWindows>);

}  // namespace sta::gpu
