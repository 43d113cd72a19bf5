// The fvattn_call of one stage, and the memory that it needs.
#pragma once

#include "call_runner.hpp"

namespace fvattn {

/// Torch memory as workspace: `bytes` at an address aligned to `align` (a power of two).
class WorkspaceBuffer {
 public:
  WorkspaceBuffer(uint64_t bytes, uint64_t align, c10::Device device);
  fvattn_buf c() const { return buf_; }

 private:
  at::Tensor memory_;
  fvattn_buf buf_{};
};

/// Fills in all that the stages of one call share. Holds the impl's lock: make it, run the stages, let it go.
class CallFrame {
 public:
  CallFrame(const Prepared& prepared, const Surroundings& around, const at::Tensor& q);
  CallFrame(const CallFrame&) = delete;
  CallFrame& operator=(const CallFrame&) = delete;

  using Stage = Status (AttentionImpl::*)(const fvattn_call&);
  Status run(Stage stage, const ArgList& in, const ArgList& out, fvattn_buf workspace = {});

  c10::Device device() const { return device_; }

 private:
  const Prepared& prepared_;
  const c10::Device device_;
  const std::lock_guard<std::recursive_mutex> lock_;
  fvattn_problem problem_;
  fvattn_call call_{};
};

/// An uninitialised tensor of that name's shape and dtype; INTERNAL for a dtype that torch does not have.
Result<at::Tensor> allocate(const Spec& spec, c10::Device device);

}  // namespace fvattn
