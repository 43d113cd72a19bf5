#include <fvattn/device.hpp>

#include "cuda_driver.hpp"

#include <charconv>
#include <unistd.h>
#include <vector>

namespace fvattn {
namespace {

// CUdevice_attribute numbers of cuda.h.
constexpr int kSmCount = 16, kMajor = 75, kMinor = 76, kSharedMemoryOptIn = 97;

Result<Device> read_device(const CudaDriver& driver, int index) {
  Device device;
  device.c.size = sizeof(device.c);
  device.c.type = FVATTN_CUDA;
  device.c.id = index;
  device.c.driver_version = driver.version;
  int handle = 0, shared_bytes = 0;
  size_t memory_bytes = 0;
  char name[256] = {};
  int error = driver.device_get(&handle, index);
  if (error == 0) error = driver.device_name(name, sizeof(name) - 1, handle);
  if (error == 0) error = driver.device_attribute(&device.c.cc_major, kMajor, handle);
  if (error == 0) error = driver.device_attribute(&device.c.cc_minor, kMinor, handle);
  if (error == 0) error = driver.device_attribute(&device.c.sm_count, kSmCount, handle);
  if (error == 0) error = driver.device_attribute(&shared_bytes, kSharedMemoryOptIn, handle);
  if (error == 0) error = driver.device_memory(&memory_bytes, handle);
  if (error == 0) error = driver.device_uuid(device.c.uuid, handle);
  if (error != 0)
    return Status::error(Code::unavailable, "the driver does not describe CUDA device " + std::to_string(index), driver.error_text(error));
  device.c.smem_optin = static_cast<uint64_t>(shared_bytes);
  device.c.mem_bytes = memory_bytes;
  device.name = name;
  return device;
}

const std::vector<Result<Device>>& all_cuda_devices() {
  static const auto* devices = [] {
    auto* list = new std::vector<Result<Device>>;
    for (int i = 0; i < cuda_driver().device_count; ++i) list->push_back(read_device(cuda_driver(), i));
    return list;
  }();
  return *devices;
}

Device make_cpu() {
  Device device;
  device.c.size = sizeof(device.c);
  device.c.type = FVATTN_CPU;
  const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) device.c.mem_bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  device.name = "cpu";
  return device;
}

}  // namespace

const Device& cpu_device() {
  static const auto* device = new Device(make_cpu());
  return *device;
}

int cuda_device_count() { return cuda_driver().device_count; }

int cuda_driver_version() { return cuda_driver().version; }

Result<const Device*> cuda_device(int index) {
  const CudaDriver& driver = cuda_driver();
  if (!driver.trouble.empty())
    return Status::error(Code::unavailable, "no CUDA device: " + driver.trouble, "cuda:" + std::to_string(index), "cpu",
                         "check nvidia-smi and CUDA_VISIBLE_DEVICES, or use device cpu");
  if (index < 0 || index >= driver.device_count)
    return Status::error(Code::unavailable, "no such CUDA device", "cuda:" + std::to_string(index),
                         driver.device_count == 1 ? "cuda:0" : "cuda:0 to cuda:" + std::to_string(driver.device_count - 1));
  const Result<Device>& device = all_cuda_devices()[static_cast<size_t>(index)];
  if (!device) return device.status();
  return &*device;
}

Result<const Device*> device_by_name(std::string_view name) {
  constexpr std::string_view kCuda = "cuda";
  if (name == "cpu") return &cpu_device();
  if (name == kCuda) return cuda_device(0);
  if (name.starts_with(kCuda) && name.size() > kCuda.size() + 1 && name[kCuda.size()] == ':') {
    int index = -1;
    const char* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + kCuda.size() + 1, end, index);
    if (error == std::errc() && stop == end) return cuda_device(index);
  }
  return Status::error(Code::invalid_argument, "unknown device", std::string(name), "cpu, cuda, cuda:0, cuda:1, ...");
}

}  // namespace fvattn
