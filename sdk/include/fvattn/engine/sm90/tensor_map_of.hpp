// Tensor maps of a TensorView for each token map: dimensions as view_maps.cuh counts them.
#pragma once

#include <fvattn/engine/token_map.hpp>

#include "fvattn/engine/sm90/forward_args.hpp"
#include "fvattn/engine/sm90/forward_config.hpp"
#include "fvattn/engine/sm90/tensor_map.hpp"
#include "fvattn/engine/sm90/view_maps.cuh"

namespace fvattn::engine::sm90 {

inline constexpr std::int64_t kMaxTmaStrideBytes = std::int64_t{1} << 40;

// Whether TMA can read the view; a stride that is never used (one entry) does not matter.
inline bool is_tma_ready(const TensorView& view, int batch, int tokens, int heads) {
  const auto fits = [](std::int64_t stride, int count) {
    return count <= 1 || (stride > 0 && stride % 8 == 0 && stride * 2 < kMaxTmaStrideBytes);
  };
  return reinterpret_cast<std::uintptr_t>(view.data) % 16 == 0 && fits(view.batch_stride, batch) && fits(view.head_stride, heads) &&
         fits(view.token_stride, tokens);
}

// The stride in bytes, or any legal one where the dimension has one entry.
inline std::uint64_t stride_bytes(std::int64_t stride, int count) {
  return count <= 1 ? 16 : static_cast<std::uint64_t>(stride) * 2;
}

// {channels, tokens, heads, batch}; a copy takes `rows` tokens of one chunk of channels.
inline bool encode_run(const TensorView& view, const ForwardArgs& a, int tokens, int heads, int batch, int rows, CUtensorMap& out) {
  TensorMapSpec spec;
  spec.base = view.data;
  spec.rank = 4;
  spec.bfloat16 = a.bfloat16;
  const std::uint64_t dims[4] = {static_cast<std::uint64_t>(a.head_dim), static_cast<std::uint64_t>(tokens),
                                 static_cast<std::uint64_t>(heads), static_cast<std::uint64_t>(batch)};
  const std::uint64_t strides[3] = {stride_bytes(view.token_stride, tokens), stride_bytes(view.head_stride, heads),
                                    stride_bytes(view.batch_stride, batch)};
  const std::uint32_t box[4] = {kChunkColumns, static_cast<std::uint32_t>(rows), 1, 1};
  for (int i = 0; i < 4; ++i) spec.dims[i] = dims[i];
  for (int i = 0; i < 3; ++i) spec.strides_bytes[i] = strides[i];
  for (int i = 0; i < 4; ++i) spec.box[i] = box[i];
  return encode_tensor_map(spec, out);
}

// {channels, columns, rows, frames, heads} of the grid of one batch entry; a copy takes `rows` tokens: whole frames of a box.
inline bool encode_grid(const BoxMap& map, const TensorView& view, const ForwardArgs& a, int heads, int rows, CUtensorMap& out) {
  TensorMapSpec spec;
  spec.base = view.data;
  spec.rank = 5;
  spec.bfloat16 = a.bfloat16;
  const std::int64_t token = view.token_stride;
  const std::uint64_t dims[5] = {static_cast<std::uint64_t>(a.head_dim), static_cast<std::uint64_t>(map.grid.w),
                                 static_cast<std::uint64_t>(map.grid.h), static_cast<std::uint64_t>(map.grid.t),
                                 static_cast<std::uint64_t>(heads)};
  const std::uint64_t strides[4] = {stride_bytes(token, map.grid.w), stride_bytes(token * map.grid.w, map.grid.h),
                                    stride_bytes(token * map.grid.w * map.grid.h, map.grid.t), stride_bytes(view.head_stride, heads)};
  const std::uint32_t box[5] = {kChunkColumns, static_cast<std::uint32_t>(map.box.w), static_cast<std::uint32_t>(map.box.h),
                                static_cast<std::uint32_t>(rows / (map.box.h * map.box.w)), 1};
  for (int i = 0; i < 5; ++i) spec.dims[i] = dims[i];
  for (int i = 0; i < 4; ++i) spec.strides_bytes[i] = strides[i];
  for (int i = 0; i < 5; ++i) spec.box[i] = box[i];
  return encode_tensor_map(spec, out);
}

inline bool encode_view(const LinearMap&, const TensorView& view, const ForwardArgs& a, int tokens, int heads, int rows,
                        ViewMaps<LinearMap>& out) {
  return encode_run(view, a, tokens, heads, a.batch, rows, out.run);
}

inline bool encode_view(const BoxMap& map, const TensorView& view, const ForwardArgs& a, int, int heads, int rows,
                        ViewMaps<BoxMap>& out) {
  TensorView text = view;
  text.data = static_cast<const std::uint16_t*>(view.data) + map.grid.volume() * view.token_stride;
  return encode_grid(map, view, a, heads, rows, out.grid) && (map.text == 0 || encode_run(text, a, map.text, heads, 1, rows, out.text));
}

// Whether tiles of `tile_rows` slots, copied `rows` slots at a time, fit a map: with boxes, a tile is a box and a copy is
// whole frames of it.
inline bool fits_copies(const LinearMap&, int, int) { return true; }
inline bool fits_copies(const BoxMap& map, int tile_rows, int rows) {
  const int frame = map.box.h * map.box.w;
  return map.box.volume() == tile_rows && map.per_tile <= 1 && rows % frame == 0 && map.box.w <= 256 && map.box.h <= 256;
}
template <std::derived_from<BoxMap> Map>
  requires requires { Map::kBoxes; }
bool fits_copies(const Map& map, int tile_rows, int rows) {
  const BoxMap& boxes = map;
  return rows * Map::kBoxes == tile_rows && fits_copies(boxes, rows, rows);
}

} // namespace fvattn::engine::sm90
