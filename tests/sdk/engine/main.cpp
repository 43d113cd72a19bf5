#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "random.hpp"

std::mt19937_64& engine_test::numbers() {
  static std::mt19937_64 generator = [] {
    const char* given = std::getenv("FVATTN_TEST_SEED");
    const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("FVATTN_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    return std::mt19937_64(seed);
  }();
  return generator;
}
