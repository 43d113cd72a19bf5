// What the machine can do at most: measured, and by its clock.
#pragma once

#include <fvattn/device.hpp>

#include <ATen/core/Tensor.h>

namespace fvattn::bench {

struct Ceiling {
  double matmul_tflops = 0;  // of one large torch matmul in this dtype, in this run
  double copy_gbps = 0;      // read and written bytes of one large copy
  double clock_tflops = 0;   // clock x SMs x 4096 operations; 0: not known (CPU). No figure above it can be true
};

/// Clock x SMs x 4096 operations in TFLOP/s; 0: not known.
double clock_bound(const Device& device);
Ceiling measure_ceiling(const Device& device, at::Device place, at::ScalarType dtype);

}  // namespace fvattn::bench
