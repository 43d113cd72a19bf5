// From a call to the arguments of the kernels.
#pragma once

#include "clear_rows.cuh"
#include "instances.hpp"
#include "memory.cuh"

#include <fvattn/plugin/gpu/sm80_calls.cuh>

namespace vsa::gpu {

using plugin::gpu::AlignedInput;
using plugin::gpu::row_values;
using plugin::gpu::sm80_view;
using plugin::gpu::stream_of;
using plugin::gpu::with_element;

/// body(std::integral_constant<int, head dim of the kernel>, element) for a problem that query accepted.
template <class Body>
void with_kernel(const fvattn_problem& p, Body&& body) {
  HeadDims::visit(p.head_dim, [&](auto dim) { with_element(p, [&](auto element) { body(dim, element); }); });
}

/// Of a tensor that this plugin allocated the strides of.
inline sm80::ConstTensor sm80_const_view(const fvattn_tensor& saved) {
  const sm80::MutableTensor view = sm80_view(saved);
  return {view.data, view.batch_stride, view.row_stride, view.head_stride};
}

/// The grid of a call.
BlockMap block_map(const Blocks& blocks);

/// Attention of the fine branch. `memory` may lack what `schedule` does not use.
BlocksPolicy fine_policy(const fvattn_problem& p, const Schedule& schedule, const BlockLists& lists,
                         const BackwardMemory* inverse = nullptr);
/// Attention between the means: every query block with every key block.
BlocksPolicy coarse_policy(int blocks);

/// Sizes and scale alone; `rows` queries and keys.
sm80::ForwardArgs forward_sizes(const fvattn_problem& p);
sm80::BackwardArgs backward_sizes(const fvattn_problem& p, int64_t rows);

/// Zero in the padding of a tiled tensor (`tokens`: everywhere), -inf in that of lse.
void clear(const plugin::Call& call, const BlockMap& map, const sm80::MutableTensor& to, int heads, float* lse = nullptr,
           bool tokens = false);

}  // namespace vsa::gpu
