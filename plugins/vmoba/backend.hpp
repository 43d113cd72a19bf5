// VMOBA_ATTN: each query attends its own chunk of the video and the chunks whose mean key fits it best.
#pragma once

#include "config/config.hpp"
#include "gpu/dispatch.hpp"

#include <fvattn/plugin.hpp>
#include <fvattn/plugin/gpu/hopper.hpp>

namespace vmoba {

class VideoMoba {
 public:
  static constexpr const char* name = "VMOBA_ATTN";
  static constexpr const char* doc = "sparse: own chunk and the best chunks of each query; 1-D, 2-D and 3-D chunks by layer";
  static constexpr bool approximate = true;
  using PlanState = gpu::PlanState;  // none on the CPU

  static fvattn::plugin::Schema meta_keys();
  static void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);
  static Config meta_build(const fvattn_device& device, const fvattn::plugin::KeyValues& values, void* stream);

  explicit VideoMoba(const fvattn_impl_desc& desc)
      : on_gpu_(desc.device->type == FVATTN_CUDA),
        hopper_(fvattn::plugin::gpu::is_hopper(*desc.device)),
        shared_bytes_(desc.device->smem_optin) {}
  /// Saves `lse` and `chunks` for backward. Everything that takes metadata to be checked is checked here.
  void plan(const fvattn_problem& p, const Config* config, fvattn::plugin::Plan& plan);
  void forward(const fvattn::plugin::Call& call);
  void backward(const fvattn::plugin::Call& call);
  void describe(const fvattn::plugin::Call& call);

 private:
  bool on_gpu_, hopper_;
  uint64_t shared_bytes_;
};

}  // namespace vmoba
