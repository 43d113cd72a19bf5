// Which devices take the kernels of the sm90 engine. Needs no CUDA.
#pragma once

#include <fvattn/plugin.h>

namespace fvattn::plugin::gpu {

inline bool is_hopper(int cc_major, int cc_minor) { return cc_major == 9 && cc_minor == 0; }
inline bool is_hopper(const fvattn_device& device) {
  return device.type == FVATTN_CUDA && is_hopper(device.cc_major, device.cc_minor);
}

}  // namespace fvattn::plugin::gpu
