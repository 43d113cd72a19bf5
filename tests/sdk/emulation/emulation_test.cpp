// The emulated device does what kernels ask for, and shows what they do wrong. `emulation_test ends WHAT` runs a kernel
// that must end the program; CMakeLists.txt says with which message.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "kernels.hpp"

#include <cmath>
#include <cstring>
#include <vector>

namespace fvattn::emulation::test {

TEST_CASE("shuffles, shared memory, barriers and atomics over several CTAs") {
  std::vector<float> values(1000);
  float expected = 0.0f, sum = 0.0f;
  for (std::size_t i = 0; i < values.size(); ++i) expected += values[i] = static_cast<float>(i % 7);
  REQUIRE(add_up(values.data(), static_cast<int>(values.size()), &sum) == cudaSuccess);
  CHECK(sum == expected);
}

TEST_CASE("lanes without a neighbour to shift from keep their value") {
  for (const int by : {1, 5, 31}) {
    int got[64];
    REQUIRE(shift(by, got) == cudaSuccess);
    for (int lane = 0; lane < 32; ++lane) {
      CHECK(got[lane] == (lane < by ? lane : lane - by));
      CHECK(got[32 + lane] == (lane + by > 31 ? lane : lane + by));
    }
  }
}

TEST_CASE("a copy that is waited for is there; without the wait NaN shows in some of the runs") {
  std::vector<float> from(kCopied), to(kCopied);
  for (int i = 0; i < kCopied; ++i) from[static_cast<std::size_t>(i)] = static_cast<float>(i);
  int nan = 0;
  for (int run = 0; run < 20; ++run) {
    REQUIRE(copy_through(from.data(), to.data(), true) == cudaSuccess);
    for (int i = 0; i < kCopied; ++i) CHECK(to[static_cast<std::size_t>(i)] == static_cast<float>(kCopied - 1 - i));
    REQUIRE(copy_through(from.data(), to.data(), false) == cudaSuccess);
    for (const float x : to) nan += std::isnan(x);
  }
  CHECK(nan > 0);
}

}  // namespace fvattn::emulation::test

int main(int argc, char** argv) {
  using namespace fvattn::emulation::test;
  if (argc == 3 && std::strcmp(argv[1], "ends") == 0) {
    const float values[4] = {};
    if (std::strcmp(argv[2], "half") == 0) (void)half_a_warp();
    if (std::strcmp(argv[2], "arrival") == 0) (void)missing_arrival();
    if (std::strcmp(argv[2], "outside") == 0) (void)copy_outside(values);
    return 0;
  }
  return doctest::Context(argc, argv).run();
}
