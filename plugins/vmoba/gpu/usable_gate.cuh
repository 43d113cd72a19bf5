// What a gate's exact product becomes: a float32 that compares.
#pragma once

#include <cfloat>
#include <cmath>

namespace vmoba::gpu {

__device__ inline float usable_gate(double gate) {
  if (gate != gate) return -INFINITY;
  const double most = FLT_MAX, kept = gate > most ? most : gate < -most ? -most : gate;
  return static_cast<float>(kept) + 0.0f;  // -0 becomes 0: they tie
}

}  // namespace vmoba::gpu
