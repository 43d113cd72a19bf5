#include "cuda_driver.hpp"

#include <dlfcn.h>

namespace fvattn {
namespace {

template <class Function>
bool resolve(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

CudaDriver open_driver() {
  CudaDriver driver;
  void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    driver.trouble = std::string("the CUDA driver is not installed: ") + (why != nullptr ? why : "libcuda.so.1 cannot be opened");
    return driver;
  }
  int (*init)(unsigned) = nullptr;
  int (*driver_version)(int*) = nullptr;
  int (*device_count)(int*) = nullptr;
  const bool complete = resolve(library, "cuInit", init) && resolve(library, "cuDriverGetVersion", driver_version) &&
                        resolve(library, "cuDeviceGetCount", device_count) && resolve(library, "cuDeviceGet", driver.device_get) &&
                        resolve(library, "cuDeviceGetName", driver.device_name) &&
                        resolve(library, "cuDeviceGetAttribute", driver.device_attribute) &&
                        resolve(library, "cuDeviceTotalMem_v2", driver.device_memory) &&
                        (resolve(library, "cuDeviceGetUuid_v2", driver.device_uuid) ||
                         resolve(library, "cuDeviceGetUuid", driver.device_uuid)) &&
                        resolve(library, "cuGetErrorName", driver.error_name);
  if (!complete) {
    driver.trouble = "libcuda.so.1 lacks functions that every driver since CUDA 9.2 has; update the NVIDIA driver";
    return driver;
  }
  int version = 0;
  if (driver_version(&version) == 0) driver.version = version;
  if (const int error = init(0); error != 0) {
    driver.trouble = "the CUDA driver does not start: cuInit says " + driver.error_text(error);
    return driver;
  }
  if (const int error = device_count(&driver.device_count); error != 0) {
    driver.device_count = 0;
    driver.trouble = "the CUDA driver does not count its devices: " + driver.error_text(error);
  } else if (driver.device_count == 0) {
    driver.trouble = "the CUDA driver sees no device";
  }
  return driver;
}

}  // namespace

std::string CudaDriver::error_text(int error) const {
  const char* name = nullptr;
  if (error_name == nullptr || error_name(error, &name) != 0 || name == nullptr) name = "error";
  return std::string(name) + " (" + std::to_string(error) + ")";
}

const CudaDriver& cuda_driver() {
  static const auto* driver = new CudaDriver(open_driver());
  return *driver;
}

}  // namespace fvattn
