// 16-bit scores, two to a word: how many reach a bound, and numbers of the same order.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>

#include <cstring>

namespace vsa::gpu {

template <class Element>
inline constexpr unsigned kInfinity = 0;
template <>
inline constexpr unsigned kInfinity<__nv_bfloat16> = 0x7F80;
template <>
inline constexpr unsigned kInfinity<__half> = 0x7C00;

inline constexpr unsigned kScoreSign = 0x8000;
inline constexpr unsigned kNoScore = 0x7FFF;  // NaN, of a block that is not there

/// Larger for larger scores, equal for equal ones (0 and -0 too). NaN has 0, all others more.
template <class Element>
__device__ __forceinline__ unsigned key_of(unsigned score) {
  const unsigned magnitude = score & 0x7FFFu;
  if (magnitude > kInfinity<Element>) return 0;
  return (score & kScoreSign) != 0 && magnitude != 0 ? 0x7FFFu - magnitude : kScoreSign | magnitude;
}
/// The score whose key is `key`; for keys below that of -inf -inf, for those above that of inf NaN.
template <class Element>
__device__ __forceinline__ unsigned score_of(unsigned key) {
  if ((key & kScoreSign) != 0) return key & 0x7FFFu;
  const unsigned magnitude = 0x7FFFu - key;
  return kScoreSign | (magnitude < kInfinity<Element> ? magnitude : kInfinity<Element>);
}

/// A rounded and scaled pair of products: rounded to Element before and after the scale. NaN counts as -inf.
template <class Element>
__device__ __forceinline__ unsigned score_pair(float low, float high, float scale) {
  const float2 product = fvattn::engine::sm80::unpack<Element>(fvattn::engine::sm80::pack<Element>(low, high));
  unsigned scores = fvattn::engine::sm80::pack<Element>(product.x * scale, product.y * scale);
  if ((scores & 0x7FFFu) > kInfinity<Element>) scores = (scores & 0xFFFF0000u) | kScoreSign | kInfinity<Element>;
  if ((scores >> 16 & 0x7FFFu) > kInfinity<Element>) scores = (scores & 0xFFFFu) | (kScoreSign | kInfinity<Element>) << 16;
  return scores;
}

template <class Element>
struct PairOf;
template <>
struct PairOf<__nv_bfloat16> {
  using Type = __nv_bfloat162;
};
template <>
struct PairOf<__half> {
  using Type = __half2;
};

/// Counts scores that are at least `bound`, half by half, as numbers of their own type: exact up to kMost.
template <class Element>
struct ScoreCount {
  using Pair = typename PairOf<Element>::Type;
  static constexpr int kMost = 256;

  Pair bound, count = pair(0);

  __device__ __forceinline__ explicit ScoreCount(unsigned score) : bound(pair(score << 16 | score)) {}
  __device__ __forceinline__ void add(unsigned scores) { count = __hadd2(count, __hge2(pair(scores), bound)); }
  __device__ __forceinline__ int take() {
    std::uint32_t bits;
    std::memcpy(&bits, &count, sizeof bits);
    const float2 both = fvattn::engine::sm80::unpack<Element>(bits);
    count = pair(0);
    return static_cast<int>(both.x + both.y);
  }

 private:
  __device__ __forceinline__ static Pair pair(std::uint32_t bits) {
    Pair scores;
    std::memcpy(&scores, &bits, sizeof bits);
    return scores;
  }
};

}  // namespace vsa::gpu
