#include <fvattn/engine/cpu/kernels.hpp>
#include <fvattn/testing/half.hpp>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "random.hpp"

using namespace engine_test;
using namespace fvattn::engine::cpu;

TEST_CASE("16-bit floats: every bit pattern widens, and numbers round to nearest even") {
  std::vector<float> wide(1 << 16);
  std::vector<Bf16> bf16(1 << 16);
  std::vector<Half> half(1 << 16);
  for (int i = 0; i < 1 << 16; ++i) bf16[i].bits = half[i].bits = static_cast<std::uint16_t>(i);
  widen(bf16.data(), wide.data(), 1 << 16);
  for (int i = 0; i < 1 << 16; ++i) {
    const double want = fvattn::testing::from_bf16(static_cast<std::uint16_t>(i));
    CHECK_UNARY(wide[i] == want || (std::isnan(wide[i]) && std::isnan(want)));
  }
  widen(half.data(), wide.data(), 1 << 16);
  for (int i = 0; i < 1 << 16; ++i) {
    const double want = fvattn::testing::from_f16(static_cast<std::uint16_t>(i));
    CHECK_UNARY(wide[i] == want || (std::isnan(wide[i]) && std::isnan(want)));
  }
  for (int trial = 0; trial < 2000; ++trial) {
    const int n = random_int(1, 40);
    std::vector<float> values(n);
    for (float& x : values)
      x = static_cast<float>(std::ldexp(std::normal_distribution<double>()(numbers()), random_int(-26, 17)));
    if (trial == 0) values[0] = std::numeric_limits<float>::infinity();
    if (trial == 1) values[0] = std::numeric_limits<float>::quiet_NaN();
    if (trial == 2) values[0] = std::bit_cast<float>(0x7F800001u);  // a NaN that rounding could make infinite
    narrow(values.data(), bf16.data(), n);
    narrow(values.data(), half.data(), n);
    for (int i = 0; i < n; ++i) {
      if (std::isnan(values[i])) {
        CHECK(std::isnan(fvattn::testing::from_bf16(bf16[i].bits)));
        CHECK(std::isnan(fvattn::testing::from_f16(half[i].bits)));
      } else {
        CHECK(bf16[i].bits == fvattn::testing::to_bf16(values[i]));
        CHECK(half[i].bits == fvattn::testing::to_f16(values[i]));
      }
    }
  }
}

TEST_CASE_TEMPLATE("softmax: exp is exact to a few ulp, tiny ones vanish, NaN stays", T, float, double) {
  constexpr int kLd = 64;
  alignas(64) T tile[2 * kLd], max[kLd], sum[kLd], rescale[kLd];
  for (int trial = 0; trial < 200; ++trial) {
    T want[kLd];
    for (int c = 0; c < kLd; ++c) {
      const T x = static_cast<T>(-std::pow(10.0, std::uniform_real_distribution<double>(-6, 3)(numbers())));
      tile[c] = 0, tile[kLd + c] = x, max[c] = -std::numeric_limits<T>::infinity(), sum[c] = 0;
      want[c] = std::exp(x);
    }
    tile[kLd] = std::numeric_limits<T>::quiet_NaN();
    tile[kLd + 1] = -std::numeric_limits<T>::infinity();
    kernels<T>().softmax(tile, 2, kLd, kLd, nullptr, max, sum, rescale);
    CHECK(std::isnan(tile[kLd]));
    CHECK(std::isnan(sum[0]));
    CHECK(tile[kLd + 1] == 0);
    for (int c = 2; c < kLd; ++c) {
      const T error = std::abs(tile[kLd + c] - want[c]);
      CHECK_UNARY(error <= 4 * std::numeric_limits<T>::epsilon() * want[c] + 100 * std::numeric_limits<T>::min());
      CHECK(tile[c] == 1);
    }
  }
}
