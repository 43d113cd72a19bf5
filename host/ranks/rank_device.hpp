// Which device a rank's tensors are on.
#pragma once

#include <fvattn/device.hpp>
#include <fvattn/distributed/bootstrap.hpp>

#include <ATen/core/Tensor.h>

#include <chrono>
#include <string>

namespace fvattn::host {

/// As device_by_name. For one of several ranks "cuda" is the GPU of its number on this machine, and "cuda:INDEX" one that
/// all ranks share. UNAVAILABLE if there are more ranks on this machine than GPUs.
Result<const Device*> device_of_rank(const std::string& name, const Launch& launch);
at::Device torch_device(const Device& device);
/// From now on this thread works on that device: before anything makes a context on another one.
void use_device(at::Device device);
/// The stream of this thread's work, as a cudaStream_t that is never null; nullptr on the CPU.
void* current_stream(at::Device device);
/// Until what was queued on it has run.
void wait_for_stream(at::Device device);
/// Milliseconds since `start`, once that has run.
double ms_since(std::chrono::steady_clock::time_point start, at::Device device);

}  // namespace fvattn::host
