// Where the tensors and sessions of a test are: the CPU, or the emulated GPU of fvattn::emulation, whose memory is the
// host's.
#pragma once

#include <fvattn/plugin.h>

#include <cstdlib>
#include <string>

namespace fvattn::testing {

inline fvattn_device cpu_device() {
  fvattn_device device{};
  device.size = sizeof device;
  device.type = FVATTN_CPU;
  device.id = -1;
  return device;
}

/// sm_80, or what FVATTN_EMULATED_SM says (90).
inline fvattn_device emulated_device() {
  const char* sm = std::getenv("FVATTN_EMULATED_SM");
  fvattn_device device{};
  device.size = sizeof device;
  device.type = FVATTN_CUDA;
  device.id = 0;
  device.cc_major = sm != nullptr ? std::atoi(sm) / 10 : 8;
  device.sm_count = 4;
  device.driver_version = 13000;
  device.mem_bytes = uint64_t{1} << 30;
  device.smem_optin = 227 * 1024;
  return device;
}

/// The device of this process's tests: set once by main, before the first session.
inline fvattn_device& test_device() {
  static fvattn_device device = cpu_device();
  return device;
}
inline bool on_gpu() { return test_device().type == FVATTN_CUDA; }

/// Reads `--device=cpu|emulated`; false when the argument is something else.
inline bool take_device_option(const std::string& argument) {
  if (argument == "--device=emulated") test_device() = emulated_device();
  return argument == "--device=emulated" || argument == "--device=cpu";
}

}  // namespace fvattn::testing
