// How TMA sees keys that come chunk by chunk (chunk_copies.hpp): dimensions {channels, w, h, t, heads} of one batch entry,
// and the short last chunk of a run as a tensor of its own.
#pragma once

#include "fvattn/engine/sm90/chunk_copies.hpp"
#include "fvattn/engine/sm90/tensor_map_of.hpp"
#include "fvattn/engine/sm90/view_maps.cuh"

namespace fvattn::engine::sm90 {

template <>
struct ViewMaps<ChunkCopies> {
  static constexpr bool kHasBatch = false;
  CUtensorMap whole, last;
};

// `tokens` rows of the view along the axes, `token_stride` apart along each.
inline bool encode_axes(const Extent3& axes, const Extent3& token_stride, const Extent3& box, const TensorView& view,
                        const ForwardArgs& a, int heads, CUtensorMap& out) {
  TensorMapSpec spec;
  spec.base = view.data;
  spec.rank = 5;
  spec.bfloat16 = a.bfloat16;
  const int dims[5] = {a.head_dim, axes.w, axes.h, axes.t, heads};
  const int boxes[5] = {kChunkColumns, box.w, box.h, box.t, 1};
  const std::int64_t strides[4] = {token_stride.w * view.token_stride, token_stride.h * view.token_stride,
                                   token_stride.t * view.token_stride, view.head_stride};
  for (int i = 0; i < 5; ++i) {
    spec.dims[i] = static_cast<std::uint64_t>(dims[i]);
    spec.box[i] = static_cast<std::uint32_t>(boxes[i]);
    if (i < 4) spec.strides_bytes[i] = stride_bytes(strides[i], dims[i + 1]);
  }
  return encode_tensor_map(spec, out);
}

// view: one batch entry.
inline bool encode_view(const ChunkCopies& c, const TensorView& view, const ForwardArgs& a, int, int heads, int,
                        ViewMaps<ChunkCopies>& out) {
  const bool run = c.pitch.w == 0;
  const Extent3 stride = run ? Extent3{1, c.axes.w, 1} : Extent3{c.axes.h * c.axes.w, c.axes.w, 1};
  if (c.short_tiles > 0) {
    TensorView rest = view;
    rest.data = static_cast<const std::uint16_t*>(view.data) + std::int64_t{c.axes.h} * c.axes.w * view.token_stride;
    if (!encode_axes({1, 1, c.short_length}, {1, 1, 1}, c.box, rest, a, heads, out.last)) return false;
  }
  return c.axes.volume() == 0 || encode_axes(c.axes, stride, c.box, view, a, heads, out.whole);
}

} // namespace fvattn::engine::sm90
