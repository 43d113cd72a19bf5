// The transport's templates as kernels.
#pragma once

#include "distributed/peer/push.hpp"

#include <cuda_runtime.h>

namespace fvattn::peer {

constexpr int kThreads = 512;  // of a block that moves bytes

/// In memory of the host that the GPU can reach.
struct Trouble {
  int stop = 0;   // waits end
  int lost = -1;  // the rank that one gave up on
};

/// What kernels know of trouble. Only those that wait look at the host's memory: a look takes some 2 us, and those of many
/// warps queue up (a push of 132 blocks took 3.5 ms longer).
struct Watch {
  Trouble* host = nullptr;
  int* failed = nullptr;  // in the GPU's memory: a wait has ended in vain
};

/// Flags that other GPUs and the host see too.
class DeviceMemory {
 public:
  __device__ DeviceMemory(const Watch& watch, uint64_t limit_ns) : watch_(watch), limit_ns_(limit_ns) {}

  __device__ bool stopped() const { return *const_cast<volatile int*>(watch_.failed) != 0; }
  __host__ __device__ bool wait(const slots::Epoch* flag, slots::Epoch least, int rank) {
#ifdef __CUDA_ARCH__
    constexpr int kLooks = 64;  // between two looks at the clock and at the host
    const uint64_t start = now();
    for (;;) {
      for (int i = 0; i < kLooks; ++i)
        if (load(flag) >= least) return true;
      if (*const_cast<volatile int*>(&watch_.host->stop) != 0) break;
      if (now() - start > limit_ns_) {
        *const_cast<volatile int*>(&watch_.host->lost) = rank;
        *const_cast<volatile int*>(&watch_.host->stop) = 1;
        break;
      }
      __nanosleep(100);
    }
    *const_cast<volatile int*>(watch_.failed) = 1;
    __threadfence_system();
#endif
    return false;
  }
  __host__ __device__ void publish(slots::Epoch* flag, slots::Epoch value) {
#ifdef __CUDA_ARCH__
    asm volatile("fence.acq_rel.sys;\n\tst.relaxed.sys.global.u64 [%0], %1;" ::"l"(flag), "l"(value) : "memory");
#endif
  }

 private:
  static __device__ uint64_t now() {
    uint64_t ns;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    return ns;
  }
  static __device__ slots::Epoch load(const slots::Epoch* flag) {
    slots::Epoch value;
    asm volatile("ld.acquire.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(flag) : "memory");
    return value;
  }

  const Watch watch_;
  uint64_t limit_ns_;
};

/// A thread block.
struct Block {
  __host__ __device__ int lane() const {
#ifdef __CUDA_ARCH__
    return static_cast<int>(threadIdx.x);
#else
    return 0;
#endif
  }
  __host__ __device__ int lanes() const {
#ifdef __CUDA_ARCH__
    return static_cast<int>(blockDim.x);
#else
    return 1;
#endif
  }
  __host__ __device__ bool all(bool mine) const {
#ifdef __CUDA_ARCH__
    return __syncthreads_and(mine) != 0;
#else
    return mine;
#endif
  }
};

// Those that wait are one block each: a full grid that waits could keep the kernel that it waits for from starting.
__global__ void enter_kernel(const __grid_constant__ Push push, Watch watch, uint64_t limit_ns);
__global__ void __launch_bounds__(kThreads) push_kernel(const __grid_constant__ Push push, Watch watch);
__global__ void signal_kernel(const __grid_constant__ Push push, Watch watch);
__global__ void complete_kernel(const __grid_constant__ Push push, Watch watch, uint64_t limit_ns);
__global__ void __launch_bounds__(kThreads) copy_out_kernel(const __grid_constant__ CopyOut out, Watch watch);

/// Loads all of them: a first launch would load, and wait for another rank's kernel that waits for this one.
cudaError_t load_kernels();
/// A kernel that does nothing has run on the stream.
cudaError_t use_once(cudaStream_t stream);

}  // namespace fvattn::peer
