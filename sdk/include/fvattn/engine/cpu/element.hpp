// Element types of tensors in memory, and the type the engine computes in.
#pragma once

#include <cstdint>
#include <type_traits>

namespace fvattn::engine::cpu {

/// bfloat16 and IEEE float16 as they lie in memory.
struct Bf16 {
  std::uint16_t bits;
};
struct Half {
  std::uint16_t bits;
};

template <class E>
inline constexpr bool kIsElement =
    std::is_same_v<E, double> || std::is_same_v<E, float> || std::is_same_v<E, Bf16> || std::is_same_v<E, Half>;

/// double for float64, float32 for everything else.
template <class E>
using Accumulate = std::conditional_t<std::is_same_v<E, double>, double, float>;

}  // namespace fvattn::engine::cpu
