// Stands in for the engine's launch.cuh: runs every CTA of the grid on the emulator, in random order, before it returns.
#pragma once

#include <cuda_runtime_api.h>

#include <fvattn/emulation/cta.hpp>

#include <cstddef>

namespace fvattn::engine::sm80 {

template <class... Arguments>
inline cudaError_t launch(void (*kernel)(Arguments...), dim3 grid, int threads, std::size_t shared_bytes, cudaStream_t,
                          const Arguments&... arguments) {
  ::fvattn::emulation::run_grid(grid, threads, shared_bytes, [&] { kernel(arguments...); });
  return cudaSuccess;
}

}  // namespace fvattn::engine::sm80
