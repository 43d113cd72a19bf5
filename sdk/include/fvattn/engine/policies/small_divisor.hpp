// Division by a number that a kernel is launched with.
#pragma once

#include <fvattn/engine/portable.hpp>

#include <cstdint>

namespace fvattn::engine {

/// n / divisor by a multiplication, for n below 2^16 and divisors up to 2^15: with factor = (2^31 + e) / divisor and
/// e < divisor, the error n * e / 2^31 / divisor stays below 1 / divisor.
struct SmallDivisor {
  std::uint32_t factor = 0;

  static constexpr int kMost = 1 << 15;
  static SmallDivisor of(int divisor) {
    const auto d = static_cast<std::uint64_t>(divisor);
    return {static_cast<std::uint32_t>(((std::uint64_t{1} << 31) + d - 1) / d)};
  }
  FVATTN_BOTH int quotient(int n) const {
    return static_cast<int>((static_cast<std::uint64_t>(static_cast<std::uint32_t>(n)) * factor) >> 31);
  }
};

}  // namespace fvattn::engine
