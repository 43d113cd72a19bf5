// FLASH_ATTN: exact attention without the score matrix in memory.
#pragma once

#include <fvattn/plugin.hpp>
#include <fvattn/plugin/gpu/hopper.hpp>

namespace flash {

class FlashAttention {
 public:
  static constexpr const char* name = "FLASH_ATTN";
  static constexpr const char* doc = "exact attention: full, causal, GQA, packed sequences, key-padding masks";

  static fvattn::plugin::TensorSchema tensor_keys();
  static void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);

  explicit FlashAttention(const fvattn_impl_desc& desc)
      : on_gpu_(desc.device->type == FVATTN_CUDA),
        hopper_(fvattn::plugin::gpu::is_hopper(*desc.device)),
        sm_count_(desc.device->sm_count) {}
  /// Saves `lse` for backward, in the type that the kernels compute in.
  void plan(const fvattn_problem& p, const void* meta, fvattn::plugin::Plan& plan);
  void forward(const fvattn::plugin::Call& call);
  void backward(const fvattn::plugin::Call& call);
  void describe(const fvattn::plugin::Call& call);

 private:
  bool on_gpu_, hopper_;
  int sm_count_;
};

}  // namespace flash
