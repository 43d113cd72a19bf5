#include "call_frame.hpp"

#include "device_bridge.hpp"

#include <ATen/ops/empty.h>

namespace fvattn {

WorkspaceBuffer::WorkspaceBuffer(uint64_t bytes, uint64_t align, c10::Device device) {
  if (bytes == 0) return;
  const uint64_t spare = device.is_cpu() && align > 64 ? align : 0;  // torch aligns to 64 bytes on the CPU, to 512 on CUDA
  memory_ = at::empty({static_cast<int64_t>(bytes + spare)}, at::TensorOptions().dtype(at::kByte).device(device));
  const auto address = reinterpret_cast<uintptr_t>(memory_.mutable_data_ptr());
  const uintptr_t aligned = spare != 0 ? (address + align - 1) & ~(align - 1) : address;
  buf_ = {reinterpret_cast<void*>(aligned), bytes};
}

CallFrame::CallFrame(const Prepared& prepared, const Surroundings& around, const at::Tensor& q)
    : prepared_(prepared), device_(q.device()), lock_(prepared.impl->mutex), problem_(prepared.packed.c()) {
  call_.size = sizeof(call_);
  call_.stream = current_stream(device_);
  if ((prepared.problem.flags & FVATTN_PROBLEM_NEED_CAPTURE) != 0) call_.flags |= FVATTN_CALL_CAPTURING;
  if (around.metadata != nullptr) {
    problem_.meta = around.metadata->packed();
    call_.meta = around.metadata->handle();
  }
  if (around.context != nullptr) {
    call_.step = around.context->step;
    call_.timestep = around.context->timestep;
    call_.total_steps = around.context->total_steps;
    if (around.context->is_cfg_negative) call_.flags |= FVATTN_CALL_CFG_NEGATIVE;
  }
  call_.problem = &problem_;
  call_.plan_state = prepared.plan.state.get();
  call_.rng = around.rng ? &*around.rng : nullptr;
}

Status CallFrame::run(Stage stage, const ArgList& in, const ArgList& out, fvattn_buf workspace) {
  call_.in = in.data();
  call_.n_in = in.size();
  call_.out = out.data();
  call_.n_out = out.size();
  call_.workspace = workspace;
  return (prepared_.impl->impl.get()->*stage)(call_);
}

Result<at::Tensor> allocate(const Spec& spec, c10::Device device) {
  const auto type = scalar_type(spec.dtype_code, spec.dtype_bits);
  if (!type)
    return Status::error(Code::internal,
                         "the plan asks for the tensor '" + spec.name + "' in a dtype that torch does not have",
                         dtype_name(spec.dtype_code, spec.dtype_bits));
  return at::empty(spec.shape, at::TensorOptions().dtype(*type).device(device));
}

}  // namespace fvattn
