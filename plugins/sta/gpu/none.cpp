// gpu/dispatch.hpp in a build without device code.
#include "dispatch.hpp"

namespace sta::gpu {

using namespace fvattn::plugin;

void query(const fvattn_device& device, const fvattn_problem&, Support& support) {
  support.refuse(FVATTN_R_ARCH, "have sm_%d%d, this build of the plugin has no GPU kernels; use the CPU", device.cc_major,
                 device.cc_minor);
}

void plan(const fvattn_problem&, const Schedule&, bool, Plan&) {
  fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels");
}
void forward(const Call&) { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels"); }
void backward(const Call&) { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels"); }

}  // namespace sta::gpu
