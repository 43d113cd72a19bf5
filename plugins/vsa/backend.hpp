// VIDEO_SPARSE_ATTN: the grid is cut into blocks; coarse attention between pooled blocks gives a result of its own and says
// which key blocks each query block attends exactly.
#pragma once

#include "metadata.hpp"

#include <fvattn/plugin/gpu/hopper.hpp>

namespace vsa {

class VideoSparseAttention {
 public:
  static constexpr const char* name = "VIDEO_SPARSE_ATTN";
  static constexpr const char* doc = "top-k blocks of the token grid by coarse scores, plus the gated coarse result";
  static constexpr bool approximate = true;

  static fvattn::plugin::Schema meta_keys() { return vsa::meta_keys(); }
  static fvattn::plugin::TensorSchema tensor_keys();
  static Metadata meta_build(const fvattn_device&, const fvattn::plugin::KeyValues& values, void*) {
    return Metadata(values);
  }
  /// Looks at the problem alone: selection knows no metadata yet. What depends on keys is refused by meta_build and plan.
  static void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);

  explicit VideoSparseAttention(const fvattn_impl_desc& desc)
      : on_gpu_(desc.device->type == FVATTN_CUDA), hopper_(fvattn::plugin::gpu::is_hopper(*desc.device)) {}
  /// Saves for backward: lse, what the coarse branch made of each block, the block lists, and for 16-bit types the fine
  /// result (CPU) or what rounding took off the result (GPU).
  void plan(const fvattn_problem& p, const Metadata* meta, fvattn::plugin::Plan& plan);
  void forward(const fvattn::plugin::Call& call);
  void backward(const fvattn::plugin::Call& call);
  void describe(const fvattn::plugin::Call& call);

 private:
  bool on_gpu_, hopper_;
};

}  // namespace vsa
