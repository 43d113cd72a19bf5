// gpu/dispatch.hpp in a build without device code.
#include "dispatch.hpp"

namespace vsa::gpu {

void query(const fvattn_device& device, const fvattn_problem&, fvattn::plugin::Support& support) {
  support.refuse(FVATTN_R_ARCH, "have sm_%d%d, this build of the plugin has no GPU kernels; use the CPU", device.cc_major,
                 device.cc_minor);
}

}  // namespace vsa::gpu
