// sm90_engine_test: every kind of kernel of the sm90 engine against float64. Skips without a Hopper GPU.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cuda_runtime_api.h>

#include <cstdio>

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  int devices = 0, major = 0, minor = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("skipped: no CUDA device\n");
    return kSkipped;
  }
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
  if (major != 9 || minor != 0) {
    std::printf("skipped: device 0 is sm_%d%d, the kernels are for sm_90a\n", major, minor);
    return kSkipped;
  }
  return doctest::Context(argc, argv).run();
}
