// 16-bit scores as numbers of the same order, two to a word.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>

namespace vsa::gpu {

template <class Element>
inline constexpr unsigned kInfinity = 0;
template <>
inline constexpr unsigned kInfinity<__nv_bfloat16> = 0x7F80;
template <>
inline constexpr unsigned kInfinity<__half> = 0x7C00;

/// Larger for larger scores, equal for equal ones (0 and -0 too); NaN counts as -inf. Never 0, which marks "no block".
template <class Element>
__device__ __forceinline__ unsigned key_of(unsigned bits) {
  constexpr unsigned kSign = 0x8000;
  unsigned magnitude = bits & 0x7FFFu;
  const bool nan = magnitude > kInfinity<Element>;
  if (nan) magnitude = kInfinity<Element>;
  const bool negative = nan || ((bits & kSign) != 0 && magnitude != 0);
  return negative ? 0x7FFFu - magnitude : kSign | magnitude;
}

/// Keys of a rounded and scaled pair of products: rounded to Element before and after the scale.
template <class Element>
__device__ __forceinline__ unsigned score_keys(float low, float high, float scale) {
  const float2 product = fvattn::engine::sm80::unpack<Element>(fvattn::engine::sm80::pack<Element>(low, high));
  const unsigned scores = fvattn::engine::sm80::pack<Element>(product.x * scale, product.y * scale);
  return key_of<Element>(scores & 0xFFFFu) | key_of<Element>(scores >> 16) << 16;
}

}  // namespace vsa::gpu
