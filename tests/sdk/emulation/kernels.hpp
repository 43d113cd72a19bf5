// Small kernels, right and wrong, for the emulated device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace fvattn::emulation::test {

/// *sum += values[0 .. count), over several CTAs.
cudaError_t add_up(const float* values, int count, float* sum);
/// to[lane] = what lane gets from the lane `by` below it, and to[32 + lane] from the one above: its own where there is none.
cudaError_t shift(int by, int* to);
/// to[i] = from[kCopied - 1 - i] through shared memory by cp.async, with or without the wait.
cudaError_t copy_through(const float* from, float* to, bool waits);
/// Half a warp waits for the other half.
cudaError_t half_a_warp();
/// A wait for an mbarrier that one arrival too few comes to.
cudaError_t missing_arrival();
/// cp.async far behind the CTA's shared memory.
cudaError_t copy_outside(const float* from);

inline constexpr int kCopied = 128;  // floats of copy_through

}  // namespace fvattn::emulation::test
