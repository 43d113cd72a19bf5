// sm80_engine_test: every kernel of the sm80 engine against float64. With --bench: its speed instead.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#if !defined(FVATTN_EMULATED)
#include "bench.hpp"
#endif

#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("skipped: no CUDA device\n");
    return kSkipped;
  }
#if !defined(FVATTN_EMULATED)
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--bench") == 0) return fvattn::engine::sm80::test::bench();
  }
#endif
  return doctest::Context(argc, argv).run();
}
