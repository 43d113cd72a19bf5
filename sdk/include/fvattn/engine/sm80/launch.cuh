// Launching a kernel: the host side of isa.cuh.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace fvattn::engine::sm80 {

/// Launches `kernel` with dynamic shared memory beyond 48 KiB when it asks for it. Makes no device allocation and no
/// synchronisation, and can be captured in a graph. Errors: those of the launch, cudaErrorInvalidValue when the device
/// has too little shared memory.
template <class... Arguments>
inline cudaError_t launch(void (*kernel)(Arguments...), dim3 grid, int threads, std::size_t shared_bytes,
                          cudaStream_t stream, const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
  if (shared_bytes > 48 * 1024) {
    const cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                   cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                   static_cast<int>(shared_bytes));
    if (error != cudaSuccess) return error;
  }
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(static_cast<unsigned>(threads)), pointers,
                          shared_bytes, stream);
}

}  // namespace fvattn::engine::sm80
