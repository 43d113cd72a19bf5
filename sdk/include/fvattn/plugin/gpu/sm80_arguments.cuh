// From a call's tensors to the arguments of the sm80 engine.
#pragma once

#include <fvattn/engine/sm80/tensor.hpp>
#include <fvattn/plugin/gpu/aligned.cuh>

namespace fvattn::plugin::gpu {

inline engine::sm80::ConstTensor sm80_view(const AlignedInput& in) {
  return {in.data(), in.batch_stride(), in.row_stride(), in.head_stride()};
}
inline engine::sm80::MutableTensor sm80_view(const fvattn_tensor& out) {
  return {data<>(out), out.strides[0], out.strides[1], out.strides[2]};
}

/// [batch, heads, q_len] float32, contiguous.
template <class Pointer>
engine::sm80::RowValues<Pointer> row_values(Pointer data, const fvattn_problem& p) {
  return {data, p.heads * p.q_len, p.q_len};
}

/// A gradient that the caller wants, or memory of the same shape for one it does not: the kernels write all three.
class Gradient {
 public:
  Gradient(const Call& call, const char* name, const fvattn_tensor& of) {
    if (const fvattn_tensor* wanted = call.find_out(name)) {
      view_ = sm80_view(*wanted);
      return;
    }
    const int64_t row = of.shape[2] * of.shape[3];
    unwanted_ = call.alloc(static_cast<uint64_t>(numel(of)) * 2);
    view_ = {unwanted_.data(), of.shape[1] * row, row, of.shape[3]};
  }
  const engine::sm80::MutableTensor& view() const { return view_; }

 private:
  DeviceBuffer unwanted_;
  engine::sm80::MutableTensor view_;
};

}  // namespace fvattn::plugin::gpu
