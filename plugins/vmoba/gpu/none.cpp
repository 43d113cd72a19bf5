// gpu/dispatch.hpp in a build without device code.
#include "dispatch.hpp"

namespace vmoba::gpu {

using namespace fvattn::plugin;

namespace {
[[noreturn]] void refuse() { fail(FVATTN_UNIMPLEMENTED, "this build of the plugin has no GPU kernels; use the CPU"); }
}  // namespace

void query(const fvattn_device& device, const fvattn_problem&, Support& support) {
  support.refuse(FVATTN_R_ARCH, "have sm_%d%d, this build of the plugin has no GPU kernels; use the CPU", device.cc_major,
                 device.cc_minor);
}

void plan(const fvattn_problem&, const Config&, uint64_t, bool, Plan&) { refuse(); }
void forward(const Call&) { refuse(); }
void backward(const Call&) { refuse(); }
void describe(const Call&) { refuse(); }

}  // namespace vmoba::gpu
