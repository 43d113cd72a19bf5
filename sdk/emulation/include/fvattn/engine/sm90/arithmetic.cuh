// Stands in for the engine's arithmetic.cuh.
#pragma once

#include "fvattn/engine/sm80/isa.cuh"

namespace fvattn::engine::sm90 {

inline float exp2_approx(float x) { return std::exp2(x); }
template <class Element>
std::uint32_t pack(float low, float high) {
  return sm80::pack<Element>(low, high);
}

} // namespace fvattn::engine::sm90
