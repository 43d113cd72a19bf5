// The sm80 engine's row values by a kernel of another name: a plugin compiles the engines for different architectures, and
// of two kernels with one name the runtime would keep one.
#pragma once

#include <fvattn/engine/sm80/backward_delta_kernel.cuh>

namespace fvattn::engine::sm90 {

template <class Element>
__global__ void __launch_bounds__(sm80::kDeltaThreads)
    backward_delta_kernel(const __grid_constant__ sm80::BackwardParams params) {
  sm80::compute_row_values<Element>(params);
}

} // namespace fvattn::engine::sm90
