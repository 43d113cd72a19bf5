// gpu/dispatch.hpp in a build without device code.
#include "dispatch.hpp"

namespace flash::gpu {

using namespace fvattn::plugin;

void query(const fvattn_device& device, const fvattn_problem&, Support& support) {
  support.refuse(FVATTN_R_ARCH,
                 "have sm_%d%d, this build of the plugin has no GPU kernels; use the CPU or a build with FVATTN_CUDA",
                 device.cc_major, device.cc_minor);
}

void plan(const fvattn_problem&, bool, int, Plan&) { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels"); }
void forward(const Call&, int) { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels"); }
void backward(const Call&) { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels"); }
void describe(const Call&, void (*)(const Call&)) { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels"); }

}  // namespace flash::gpu
