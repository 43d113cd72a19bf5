// From a call to what the engines take.
#pragma once

#include "schedule.cuh"

#include <fvattn/engine/sm90/forward_args.hpp>
#include <fvattn/plugin/gpu/sm80_arguments.cuh>

namespace flash::gpu {

namespace sm80 = fvattn::engine::sm80;
namespace sm90 = fvattn::engine::sm90;

using fvattn::plugin::gpu::AlignedInput;
using fvattn::plugin::gpu::Gpu;
using fvattn::plugin::gpu::Gradient;
using fvattn::plugin::gpu::row_values;
using fvattn::plugin::gpu::sm80_view;
using fvattn::plugin::gpu::with_element;

inline sm90::TensorView sm90_view(const AlignedInput& in) {
  return {in.data(), in.batch_stride(), in.row_stride(), in.head_stride()};
}
inline sm90::TensorView sm90_view(const fvattn_tensor& out) {
  return {fvattn::plugin::data<>(out), out.strides[0], out.strides[1], out.strides[2]};
}

/// The schedule of a call whose tensors are in device memory; a mask's bits are made in `workspace`, on the call's stream.
GpuSchedule make_schedule(const fvattn::plugin::Call& call, fvattn::plugin::Workspace& workspace);

}  // namespace flash::gpu
