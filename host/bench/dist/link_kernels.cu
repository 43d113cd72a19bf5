#include "bench/dist/link_kernels.hpp"

#include <cuda_runtime.h>

#include <cstring>

namespace fvattn::bench::dist {
namespace {

constexpr int kThreads = 512, kUnroll = 8;

struct Address {
  void* memory;
  int device;
};

Status check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return {};
  cudaGetLastError();
  return Status::error(Code::unavailable, std::string("link: ") + what + " failed", cudaGetErrorString(error));
}

/// The first of several calls that failed.
class Steps {
 public:
  void did(cudaError_t error, const char* what) {
    if (error != cudaSuccess) cudaGetLastError();
    if (error_ != cudaSuccess) return;
    error_ = error;
    what_ = what;
  }
  bool ok() const { return error_ == cudaSuccess; }
  Status status() const { return check(error_, what_); }

 private:
  cudaError_t error_ = cudaSuccess;
  const char* what_ = "";
};

__global__ void __launch_bounds__(kThreads)
    store_kernel(const uint4* __restrict__ from, uint4* __restrict__ to, int64_t count) {
  const int64_t part = (count + gridDim.x - 1) / gridDim.x, begin = part * blockIdx.x;
  const int64_t end = begin + part < count ? begin + part : count;
  int64_t i = begin + threadIdx.x;
  for (; i + (kUnroll - 1) * kThreads < end; i += kUnroll * kThreads) {
    uint4 values[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) values[u] = __ldg(from + i + u * kThreads);
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) to[i + u * kThreads] = values[u];
  }
  for (; i < end; i += kThreads) to[i] = from[i];
}

__global__ void hold_kernel(uint64_t ns) {
  uint64_t start, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    __nanosleep(200);
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < ns);
}

}  // namespace

Status cuda_support() {
  int count = 0;
  return check(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
}

Result<bool> cuda_can_reach(int from, int to) {
  if (from == to) return true;
  int can = 0;
  if (Status status = check(cudaDeviceCanAccessPeer(&can, from, to), "cudaDeviceCanAccessPeer"); !status.ok()) return status;
  return can != 0;
}

Result<CudaBlock> cuda_allocate(int device, int64_t bytes) {
  CudaBlock block{nullptr, bytes};
  Steps steps;
  steps.did(cudaSetDevice(device), "cudaSetDevice");
  steps.did(cudaMalloc(&block.memory, static_cast<size_t>(bytes)), "cudaMalloc");
  if (steps.ok()) steps.did(cudaMemset(block.memory, device + 1, static_cast<size_t>(bytes)), "cudaMemset");
  steps.did(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  if (!steps.ok()) return steps.status();
  return block;
}

void cuda_release(int device, CudaBlock block) {
  if (cudaSetDevice(device) == cudaSuccess) cudaFree(block.memory);
}

Result<std::string> cuda_handle(int device, const CudaBlock& block, bool is_thread) {
  if (is_thread) {
    const Address address{block.memory, device};
    return std::string(reinterpret_cast<const char*>(&address), sizeof address);
  }
  cudaIpcMemHandle_t handle;
  if (Status status = check(cudaIpcGetMemHandle(&handle, block.memory), "cudaIpcGetMemHandle"); !status.ok()) return status;
  return std::string(reinterpret_cast<const char*>(&handle), sizeof handle);
}

Result<void*> cuda_open(int device, const std::string& handle, bool is_thread) {
  if (Status status = check(cudaSetDevice(device), "cudaSetDevice"); !status.ok()) return status;
  if (is_thread) {
    Address address;
    std::memcpy(&address, handle.data(), sizeof address);
    if (address.device != device) {
      const cudaError_t error = cudaDeviceEnablePeerAccess(address.device, 0);
      if (error == cudaErrorPeerAccessAlreadyEnabled) cudaGetLastError();
      else if (Status status = check(error, "cudaDeviceEnablePeerAccess"); !status.ok()) return status;
    }
    return address.memory;
  }
  cudaIpcMemHandle_t ipc;
  std::memcpy(&ipc, handle.data(), sizeof ipc);
  void* memory = nullptr;
  if (Status status = check(cudaIpcOpenMemHandle(&memory, ipc, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle");
      !status.ok())
    return status;
  return memory;
}

void cuda_close(int device, void* opened, bool is_thread) {
  if (!is_thread && opened != nullptr && cudaSetDevice(device) == cudaSuccess) cudaIpcCloseMemHandle(opened);
}

void cuda_hold(int device, void* stream, double microseconds) {
  constexpr double kNsOfUs = 1e3;
  if (cudaSetDevice(device) != cudaSuccess) return;
  hold_kernel<<<1, 1, 0, static_cast<cudaStream_t>(stream)>>>(static_cast<uint64_t>(kNsOfUs * microseconds));
}

Result<double> cuda_copy_ms(int device, void* stream, const void* from, void* to, int64_t bytes, int writers, int calls) {
  const auto s = static_cast<cudaStream_t>(stream);
  cudaEvent_t begin = nullptr, end = nullptr;
  Steps steps;
  steps.did(cudaSetDevice(device), "cudaSetDevice");
  steps.did(cudaEventCreate(&begin), "cudaEventCreate");
  steps.did(cudaEventCreate(&end), "cudaEventCreate");
  if (steps.ok()) steps.did(cudaEventRecord(begin, s), "cudaEventRecord");
  for (int i = 0; i < calls && steps.ok(); ++i) {
    if (writers == 0) {
      steps.did(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, s), "cudaMemcpyAsync");
    } else {
      store_kernel<<<writers, kThreads, 0, s>>>(static_cast<const uint4*>(from), static_cast<uint4*>(to),
                                                bytes / static_cast<int64_t>(sizeof(uint4)));
      steps.did(cudaGetLastError(), "a launch");
    }
  }
  float ms = 0;
  if (steps.ok()) steps.did(cudaEventRecord(end, s), "cudaEventRecord");
  if (steps.ok()) steps.did(cudaEventSynchronize(end), "cudaEventSynchronize");
  if (steps.ok()) steps.did(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
  if (begin != nullptr) cudaEventDestroy(begin);
  if (end != nullptr) cudaEventDestroy(end);
  if (!steps.ok()) return steps.status();
  return static_cast<double>(ms) / calls;
}

}  // namespace fvattn::bench::dist
