#include "windows.cuh"

#include <fvattn/engine/sm80/launch.cuh>

#include <algorithm>

namespace sta::gpu {

using fvattn::engine::Extent3;

namespace {

constexpr int kWindowsOfLaunch = 256;  // 3 KiB of the 4 KiB that arguments may have

struct Windows {
  Extent3 of[kWindowsOfLaunch];
};

__global__ void __launch_bounds__(kWindowsOfLaunch)
    write_windows_kernel(const __grid_constant__ Windows windows, int count, Extent3* to) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) to[i] = windows.of[i];
}

}  // namespace

cudaError_t upload_windows(const Extent3* host, int heads, Extent3* device, cudaStream_t stream) {
  for (int first = 0; first < heads; first += kWindowsOfLaunch) {
    const int count = std::min(kWindowsOfLaunch, heads - first);
    Windows windows;
    std::copy_n(host + first, count, windows.of);
    Extent3* to = device + first;
    const cudaError_t error =
        fvattn::engine::sm80::launch(write_windows_kernel, dim3(1), kWindowsOfLaunch, 0, stream, windows, count, to);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace sta::gpu
