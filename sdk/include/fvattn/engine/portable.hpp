// What lets one policy compile for the host and for the device.
#pragma once

#if defined(__CUDACC__)
#define FVATTN_BOTH __host__ __device__ __forceinline__
#else
#define FVATTN_BOTH inline
#endif

namespace fvattn::engine {

FVATTN_BOTH constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
FVATTN_BOTH constexpr int smaller(int a, int b) { return a < b ? a : b; }
FVATTN_BOTH constexpr int larger(int a, int b) { return a > b ? a : b; }

}  // namespace fvattn::engine
