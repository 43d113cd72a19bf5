// Devices, without a dependency on CUDA: the driver library is opened when there is one.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/plugin.h>
#include <fvattn/status.hpp>

#include <string>

namespace fvattn FVATTN_PUBLIC {

struct Device {
  fvattn_device c{};  // what plugins see
  std::string name;   // "cpu" or the product name
};

/// The CPU. Never fails.
const Device& cpu_device();
/// Number of CUDA devices, 0 without a driver. The first call initialises the driver.
int cuda_device_count();
/// Properties of CUDA device `index`; UNAVAILABLE says why there is none. Memoised; the reference stays valid.
Result<const Device*> cuda_device(int index);
/// "cpu" | "cuda" | "cuda:i"
Result<const Device*> device_by_name(std::string_view name);
/// CUDA driver version as CUDA's integer (13000 = 13.0), 0 without a driver.
int cuda_driver_version();

}  // namespace fvattn
