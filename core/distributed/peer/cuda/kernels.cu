#include "kernels.cuh"

namespace fvattn::peer {

__global__ void enter_kernel(const __grid_constant__ Push push, Trouble* trouble, uint64_t limit_ns) {
  DeviceMemory memory(trouble, limit_ns);
  enter(push, memory);
}

__global__ void push_kernel(const __grid_constant__ Push push, Trouble* trouble) {
  DeviceMemory memory(trouble, 0);
  // After a failed entry the peers' memory is theirs.
  if (!Block().all(!memory.stopped())) return;
  push_part(push, static_cast<int>(blockIdx.x), Block(), memory);
}

__global__ void complete_kernel(const __grid_constant__ Push push, Trouble* trouble, uint64_t limit_ns) {
  DeviceMemory memory(trouble, limit_ns);
  complete(push, Block(), memory);
}

__global__ void copy_out_kernel(const __grid_constant__ CopyOut out, Trouble* trouble) {
  if (!Block().all(!DeviceMemory(trouble, 0).stopped())) return;
  copy_out_part(out, static_cast<int>(blockIdx.x), Block());
}

}  // namespace fvattn::peer
