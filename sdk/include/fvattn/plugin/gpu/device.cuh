// The GPU that a call runs on.
#pragma once

#include <fvattn/plugin.hpp>
#include <fvattn/plugin/cuda.hpp>
#include <fvattn/plugin/gpu/hopper.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace fvattn::plugin::gpu {

struct Gpu {
  int cc_major = 0, cc_minor = 0, sm_count = 0, l2_bytes = 0;

  /// Takes the kernels of the sm90 engine.
  bool is_hopper() const { return gpu::is_hopper(cc_major, cc_minor); }

  /// The current device's; a few hundred nanoseconds.
  static Gpu current() {
    Gpu gpu;
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    const auto read = [&](int& value, cudaDeviceAttr what) {
      check(cudaDeviceGetAttribute(&value, what, device), "cudaDeviceGetAttribute");
    };
    read(gpu.cc_major, cudaDevAttrComputeCapabilityMajor);
    read(gpu.cc_minor, cudaDevAttrComputeCapabilityMinor);
    read(gpu.sm_count, cudaDevAttrMultiProcessorCount);
    read(gpu.l2_bytes, cudaDevAttrL2CacheSize);
    return gpu;
  }
};

inline cudaStream_t stream_of(const Call& call) { return static_cast<cudaStream_t>(call.stream()); }

/// body(element) with a value of the problem's element type, bfloat16 or float16.
template <class Body>
void with_element(const fvattn_problem& p, Body&& body) {
  if (dtype(p) == kBF16)
    body(__nv_bfloat16{});
  else
    body(__half{});
}

}  // namespace fvattn::plugin::gpu
