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

}  // namespace fvattn::peer
