// Torch's devices and streams as the core and the plugins name them. No CUDA headers.
#pragma once

#include <fvattn/device.hpp>

#include <c10/core/Device.h>
#include <c10/core/Stream.h>

namespace fvattn {

/// The core's description of a torch device; UNAVAILABLE for anything but cpu and cuda.
Result<const Device*> core_device(c10::Device device);

/// The cudaStream_t that torch would launch on now: never nullptr on a GPU (the default stream is cudaStreamLegacy),
/// nullptr on the CPU.
void* current_stream(c10::Device device);
/// The torch stream of a cudaStream_t from current_stream(), or of any other.
c10::Stream torch_stream(c10::DeviceIndex device, void* stream);

/// Is a CUDA graph being captured on `stream`? Asked of the driver; false without one and on the CPU.
bool is_capturing(void* stream);

}  // namespace fvattn
