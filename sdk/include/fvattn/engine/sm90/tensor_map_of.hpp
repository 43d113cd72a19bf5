// Tensor maps of a TensorView for each token map: dimensions as coords.cuh counts them.
#pragma once

#include <fvattn/engine/token_map.hpp>

#include "fvattn/engine/sm90/forward_args.hpp"
#include "fvattn/engine/sm90/forward_config.hpp"
#include "fvattn/engine/sm90/tensor_map.hpp"

namespace fvattn::engine::sm90 {

inline constexpr std::int64_t kMaxTmaStrideBytes = std::int64_t{1} << 40;

// Whether TMA can read the view; a stride that is never used (one entry) does not matter.
inline bool is_tma_ready(const TensorView& view, int batch, int heads) {
  const auto fits = [](std::int64_t stride, int count) {
    return count <= 1 || (stride > 0 && stride % 8 == 0 && stride * 2 < kMaxTmaStrideBytes);
  };
  return reinterpret_cast<std::uintptr_t>(view.data) % 16 == 0 && fits(view.batch_stride, batch) && fits(view.head_stride, heads) &&
         fits(view.token_stride, 2);
}

// The stride in bytes, or any legal one where the dimension has one entry.
inline std::uint64_t stride_bytes(std::int64_t stride, int count) {
  return count <= 1 ? 16 : static_cast<std::uint64_t>(stride) * 2;
}

// {channels, tokens, heads, batch}; a copy takes `rows` tokens of one chunk of channels.
inline bool encode_view(const LinearMap&, const TensorView& view, const ForwardArgs& a, int tokens, int heads, int rows,
                        CUtensorMap& out) {
  TensorMapSpec spec;
  spec.base = view.data;
  spec.rank = 4;
  spec.bfloat16 = a.bfloat16;
  const std::uint64_t dims[4] = {static_cast<std::uint64_t>(a.head_dim), static_cast<std::uint64_t>(tokens),
                                 static_cast<std::uint64_t>(heads), static_cast<std::uint64_t>(a.batch)};
  const std::uint64_t strides[3] = {stride_bytes(view.token_stride, tokens), stride_bytes(view.head_stride, heads),
                                    stride_bytes(view.batch_stride, a.batch)};
  const std::uint32_t box[4] = {kChunkColumns, static_cast<std::uint32_t>(rows), 1, 1};
  for (int i = 0; i < 4; ++i) spec.dims[i] = dims[i];
  for (int i = 0; i < 3; ++i) spec.strides_bytes[i] = strides[i];
  for (int i = 0; i < 4; ++i) spec.box[i] = box[i];
  return encode_tensor_map(spec, out);
}

// {channels, columns, rows, frames, heads} of the grid of one batch entry (args.batch is 1); a copy takes one box.
inline bool encode_view(const BoxMap& map, const TensorView& view, const ForwardArgs& a, int, int heads, int, CUtensorMap& out) {
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
                                static_cast<std::uint32_t>(map.box.t), 1};
  for (int i = 0; i < 5; ++i) spec.dims[i] = dims[i];
  for (int i = 0; i < 4; ++i) spec.strides_bytes[i] = strides[i];
  for (int i = 0; i < 5; ++i) spec.box[i] = box[i];
  return encode_tensor_map(spec, out);
}

} // namespace fvattn::engine::sm90
