// From a call to what the engines take.
#pragma once

#include "aligned.cuh"
#include "schedule.cuh"

#include <fvattn/engine/sm80/tensor.hpp>
#include <fvattn/engine/sm90/forward_args.hpp>

namespace flash::gpu {

namespace sm80 = fvattn::engine::sm80;
namespace sm90 = fvattn::engine::sm90;

inline sm80::ConstTensor sm80_view(const AlignedInput& in) {
  return {in.data(), in.batch_stride(), in.row_stride(), in.head_stride()};
}
inline sm80::MutableTensor sm80_view(const fvattn_tensor& out) {
  return {fvattn::plugin::data<>(out), out.strides[0], out.strides[1], out.strides[2]};
}
inline sm90::TensorView sm90_view(const AlignedInput& in) {
  return {in.data(), in.batch_stride(), in.row_stride(), in.head_stride()};
}
inline sm90::TensorView sm90_view(const fvattn_tensor& out) {
  return {fvattn::plugin::data<>(out), out.strides[0], out.strides[1], out.strides[2]};
}

/// [batch, heads, q_len] float32, contiguous.
template <class Pointer>
sm80::RowValues<Pointer> row_values(Pointer data, const fvattn_problem& p) {
  return {data, p.heads * p.q_len, p.q_len};
}

/// The schedule of a call whose tensors are in device memory; a mask's bits are made in `workspace`, on the call's stream.
GpuSchedule make_schedule(const fvattn::plugin::Call& call, fvattn::plugin::Workspace& workspace);

}  // namespace flash::gpu
