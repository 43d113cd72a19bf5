#include "device_bridge.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <dlfcn.h>

namespace fvattn {
namespace {

void* const kStreamLegacy = reinterpret_cast<void*>(0x1);  // cudaStreamLegacy

using IsCapturing = int (*)(void* stream, int* status);

IsCapturing find_is_capturing() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return driver == nullptr ? nullptr : reinterpret_cast<IsCapturing>(dlsym(driver, "cuStreamIsCapturing"));
}

}  // namespace

Result<const Device*> core_device(c10::Device device) {
  if (device.is_cpu()) return &cpu_device();
  if (device.is_cuda()) return cuda_device(device.index());
  return Status::error(Code::unavailable, "attention runs on cpu and cuda", device.str(), "cpu, cuda");
}

void* current_stream(c10::Device device) {
  if (!device.is_cuda()) return nullptr;
  void* handle = c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
  return handle != nullptr ? handle : kStreamLegacy;
}

c10::Stream torch_stream(c10::DeviceIndex device, void* stream) {
  const c10::Device place(c10::kCUDA, device);
  if (stream == nullptr || stream == kStreamLegacy) return c10::Stream(c10::Stream::DEFAULT, place);
  const c10::Stream current = c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(place);
  if (current.native_handle() == stream) return current;
  // The id of a stream that torch did not make is its handle (c10/cuda/CUDAStream.cpp, getStreamFromExternal).
  return c10::Stream(c10::Stream::UNSAFE, place, reinterpret_cast<int64_t>(stream));
}

bool is_capturing(void* stream) {
  if (stream == nullptr) return false;
  static const IsCapturing ask = find_is_capturing();
  int status = 0;
  return ask != nullptr && ask(stream, &status) == 0 && status == 1;  // CU_STREAM_CAPTURE_STATUS_ACTIVE
}

}  // namespace fvattn
