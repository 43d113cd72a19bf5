// bfloat16 and float16 to and from double, rounding to nearest even.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace fvattn::testing {

/// The nearest number with `digits` bits of significand and no exponent below `min_exponent` (subnormals included).
inline double round_to(double x, int digits, int min_exponent) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const int shift = digits - (exponent < min_exponent ? min_exponent : exponent);
  return std::ldexp(std::nearbyint(std::ldexp(x, shift)), -shift);
}

inline double from_bf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}
inline uint16_t to_bf16(double x) {
  if (std::isnan(x)) return 0x7FC0;
  const auto value = static_cast<float>(round_to(x, 8, -125));
  uint32_t wide;
  std::memcpy(&wide, &value, sizeof wide);
  return static_cast<uint16_t>(wide >> 16);
}

inline double from_f16(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double magnitude = exponent == 31   ? (fraction != 0 ? std::nan("") : std::numeric_limits<double>::infinity())
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}
inline uint16_t to_f16(double x) {
  if (std::isnan(x)) return 0x7E00;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double rounded = std::fabs(round_to(x, 11, -13));
  if (rounded > 65504) return sign | 0x7C00;
  int exponent = 0;
  std::frexp(rounded, &exponent);
  if (rounded == 0 || exponent < -13) return sign | static_cast<uint16_t>(std::ldexp(rounded, 24));
  return sign | static_cast<uint16_t>((exponent + 14) << 10 | (static_cast<int>(std::ldexp(rounded, 11 - exponent)) - 1024));
}

}  // namespace fvattn::testing
