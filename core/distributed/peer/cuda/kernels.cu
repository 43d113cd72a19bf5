#include "kernels.cuh"

namespace fvattn::peer {

__global__ void enter_kernel(const __grid_constant__ Push push, Watch watch, uint64_t limit_ns) {
  DeviceMemory memory(watch, limit_ns);
  enter(push, memory);
}

__global__ void __launch_bounds__(kThreads) push_kernel(const __grid_constant__ Push push, Watch watch) {
  DeviceMemory memory(watch, 0);
  // After a failed entry the peers' memory is theirs.
  if (!Block().all(!memory.stopped())) return;
  push_part(push, static_cast<int>(blockIdx.x), Block(), memory);
}

__global__ void signal_kernel(const __grid_constant__ Push push, Watch watch) {
  DeviceMemory memory(watch, 0);
  // The peers of a failed exchange must not take it for complete.
  if (!Block().all(!memory.stopped())) return;
  signal(push, Block().lane(), Block().lanes(), memory);
}

__global__ void complete_kernel(const __grid_constant__ Push push, Watch watch, uint64_t limit_ns) {
  DeviceMemory memory(watch, limit_ns);
  complete(push, Block(), memory);
}

__global__ void __launch_bounds__(kThreads) copy_out_kernel(const __grid_constant__ CopyOut out, Watch watch) {
  if (!Block().all(!DeviceMemory(watch, 0).stopped())) return;
  copy_out_part(out, static_cast<int>(blockIdx.x), Block());
}

namespace {

__global__ void nothing_kernel() {}

}  // namespace

cudaError_t use_once(cudaStream_t stream) {
  nothing_kernel<<<1, 1, 0, stream>>>();
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? cudaStreamSynchronize(stream) : error;
}

cudaError_t load_kernels() {
  const void* const all[] = {reinterpret_cast<const void*>(enter_kernel), reinterpret_cast<const void*>(push_kernel),
                             reinterpret_cast<const void*>(signal_kernel), reinterpret_cast<const void*>(complete_kernel),
                             reinterpret_cast<const void*>(copy_out_kernel)};
  for (const void* kernel : all) {
    cudaFuncAttributes attributes;
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace fvattn::peer
