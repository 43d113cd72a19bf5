#include "ranks/rank_device.hpp"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace fvattn::host {

Result<const Device*> device_of_rank(const std::string& name, const Launch& launch) {
  if (launch.alone() || name != "cuda" || cuda_device_count() == 0) return device_by_name(name);
  const int count = cuda_device_count();
  if (launch.local_rank < count) return cuda_device(launch.local_rank);
  return Status::error(Code::unavailable, "there are more ranks on this machine than GPUs",
                       "rank " + std::to_string(launch.local_rank) + " of this machine, " + std::to_string(count) +
                           (count == 1 ? " GPU" : " GPUs"),
                       "at most " + std::to_string(count) + " ranks here",
                       "launch fewer, or let all share one with --device cuda:0 (the transport peer can, nccl cannot)");
}

at::Device torch_device(const Device& device) {
  if (device.c.type != FVATTN_CUDA) return at::kCPU;
  return {at::kCUDA, static_cast<c10::DeviceIndex>(device.c.id)};
}

void use_device(at::Device device) {
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
}

void* current_stream(at::Device device) {
  if (!device.is_cuda()) return nullptr;
  void* const legacy = reinterpret_cast<void*>(0x1);  // cudaStreamLegacy: what torch's default stream is
  void* handle = c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
  return handle != nullptr ? handle : legacy;
}

void wait_for_stream(at::Device device) {
  if (device.is_cuda()) c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
}

double ms_since(std::chrono::steady_clock::time_point start, at::Device device) {
  wait_for_stream(device);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace fvattn::host
