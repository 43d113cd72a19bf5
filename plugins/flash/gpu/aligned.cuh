// Inputs whose rows do not start at multiples of 16 bytes: copied once, because neither TMA nor 16-byte copies read them.
#pragma once

#include <fvattn/plugin.hpp>

#include <cuda_runtime_api.h>

namespace flash::gpu {

/// A [batch, sequence, heads, dim] input of 16-bit elements that the kernels can read. Keeps the copy alive, if one was
/// made; `copied` counts them in the log (level debug).
class AlignedInput {
 public:
  AlignedInput(const fvattn::plugin::Call& call, const char* name);

  const void* data() const { return data_; }
  int64_t batch_stride() const { return strides_[0]; }
  int64_t row_stride() const { return strides_[1]; }
  int64_t head_stride() const { return strides_[2]; }

 private:
  fvattn::plugin::DeviceBuffer copy_;
  const void* data_;
  int64_t strides_[3];
};

}  // namespace flash::gpu
