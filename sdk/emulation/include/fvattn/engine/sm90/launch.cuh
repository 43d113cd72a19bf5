// Stands in for the engine's launch.cuh: runs every cluster of the grid on the emulator, in random order, before it returns.
#pragma once

#include <fvattn/emulation/builtins.hpp>

namespace fvattn::engine::sm90 {

template <auto kKernel, int kSharedBytes, class Params>
cudaError_t launch(int clusters, int cluster_size, int threads, cudaStream_t, const Params& params) {
  ::fvattn::emulation::run_grid(dim3(static_cast<unsigned>(clusters * cluster_size)), threads, kSharedBytes,
                                [&params] { kKernel(params); }, cluster_size);
  return cudaSuccess;
}

} // namespace fvattn::engine::sm90
