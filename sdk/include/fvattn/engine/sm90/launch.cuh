// Launching a kernel in clusters of CTAs, with more shared memory than 48 KiB.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstdint>

namespace fvattn::engine::sm90 {

// Raises a kernel's shared-memory limit, once for each device the process uses.
template <auto kKernel, int kBytes>
cudaError_t allow_shared_memory() {
  static std::atomic<std::uint64_t> done{0}; // one bit a device; devices past 63 are set each time
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  const std::uint64_t bit = device < 64 ? std::uint64_t{1} << device : 0;
  if ((done.load(std::memory_order_relaxed) & bit) != 0) return cudaSuccess;
  const cudaError_t error = cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error == cudaSuccess) done.fetch_or(bit, std::memory_order_relaxed);
  return error;
}

// `clusters` clusters of `cluster_size` CTAs along x. Enqueues on `stream`: no allocation, no synchronisation.
template <auto kKernel, int kSharedBytes, class Params>
cudaError_t launch(int clusters, int cluster_size, int threads, cudaStream_t stream, const Params& params) {
  if (const cudaError_t error = allow_shared_memory<kKernel, kSharedBytes>(); error != cudaSuccess) return error;
  cudaLaunchAttribute cluster;
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(cluster_size), 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(clusters * cluster_size));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = kSharedBytes;
  config.stream = stream;
  config.attrs = &cluster;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kKernel, params);
}

} // namespace fvattn::engine::sm90
