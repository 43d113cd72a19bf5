// Softmax and its gradient on score tiles, for one instruction set.
#if defined(FVATTN_SOFTMAX_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef FVATTN_SOFTMAX_INL_HPP
#undef FVATTN_SOFTMAX_INL_HPP
#else
#define FVATTN_SOFTMAX_INL_HPP
#endif

#include <cstdint>
#include <limits>

#include "exp-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fvattn::engine::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The lanes of row i, columns c..., that are visible. No vector crosses a word: a word is a multiple of its lanes.
template <class D>
HWY_INLINE hn::Mask<D> visible_lanes(D d, const std::uint64_t* visible, int i, int c, int ld) {
  const std::uint64_t bits = visible[(i * ld + c) / 64] >> (c % 64);
  alignas(8) std::uint8_t bytes[8];
  for (int b = 0; b < 8; ++b) bytes[b] = static_cast<std::uint8_t>(bits >> (8 * b));
  return hn::LoadMaskBits(d, bytes);
}

template <bool kMasked, class D, class T = hn::TFromD<D>>
HWY_INLINE bool softmax_columns(D d, T* HWY_RESTRICT tile, int n, int c, int ld, const std::uint64_t* visible, T* max,
                                T* sum, T* rescale) {
  const auto none = hn::Set(d, -std::numeric_limits<T>::infinity());
  const auto old_max = hn::Load(d, max + c);
  auto top0 = old_max, top1 = none;
  const auto score = [&](int i) HWY_ATTR {
    auto s = hn::Load(d, tile + i * ld + c);
    if constexpr (kMasked) {
      s = hn::IfThenElse(visible_lanes(d, visible, i, c, ld), s, none);
      hn::Store(s, d, tile + i * ld + c);
    }
    return s;
  };
  int i = 0;
  for (; i + 1 < n; i += 2) {
    top0 = hn::Max(top0, score(i));
    top1 = hn::Max(top1, score(i + 1));
  }
  if (i < n) top0 = hn::Max(top0, score(i));
  const auto new_max = hn::Max(top0, top1);
  // A column without a key so far has maximum -inf; subtracting 0 instead gives exp(-inf) = 0 everywhere.
  const auto base = hn::IfThenZeroElse(hn::Eq(new_max, none), new_max);
  const auto probability = [&](int j) HWY_ATTR {
    const auto p = exp(d, hn::Sub(hn::Load(d, tile + j * ld + c), base));
    hn::Store(p, d, tile + j * ld + c);
    return p;
  };
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  for (i = 0; i + 1 < n; i += 2) {
    sum0 = hn::Add(sum0, probability(i));
    sum1 = hn::Add(sum1, probability(i + 1));
  }
  if (i < n) sum0 = hn::Add(sum0, probability(i));
  const auto factor = exp(d, hn::Sub(old_max, base));
  hn::Store(new_max, d, max + c);
  hn::Store(hn::MulAdd(hn::Load(d, sum + c), factor, hn::Add(sum0, sum1)), d, sum + c);
  hn::Store(factor, d, rescale + c);
  return !hn::AllTrue(d, hn::Eq(factor, hn::Set(d, T{1})));
}

template <class T>
bool softmax(T* tile, int n, int m, int ld, const std::uint64_t* visible, T* max, T* sum, T* rescale) {
  const hn::ScalableTag<T> d;
  bool changed = false;
  for (int c = 0; c < m; c += static_cast<int>(hn::Lanes(d)))
    changed |= visible ? softmax_columns<true>(d, tile, n, c, ld, visible, max, sum, rescale)
                       : softmax_columns<false>(d, tile, n, c, ld, visible, max, sum, rescale);
  return changed;
}

template <bool kPerRow, class T>
void gradient(T* p, T* ds, int n, int m, int ld, const std::uint64_t* visible, T scale, const T* lse, const T* delta) {
  const hn::ScalableTag<T> d;
  const auto factor = hn::Set(d, scale);
  for (int i = 0; i < n; ++i)
    for (int c = 0; c < m; c += static_cast<int>(hn::Lanes(d))) {
      const int at = i * ld + c;
      const auto l = kPerRow ? hn::Set(d, lse[i]) : hn::Load(d, lse + c);
      const auto b = kPerRow ? hn::Set(d, delta[i]) : hn::Load(d, delta + c);
      auto probability = exp(d, hn::Sub(hn::Load(d, p + at), l));
      auto gradient = hn::Mul(hn::Mul(factor, probability), hn::Sub(hn::Load(d, ds + at), b));
      if (visible) {
        const auto shown = visible_lanes(d, visible, i, c, ld);
        probability = hn::IfThenElseZero(shown, probability);
        gradient = hn::IfThenElseZero(shown, gradient);
      }
      hn::Store(probability, d, p + at);
      hn::Store(gradient, d, ds + at);
    }
}

template <class T>
void scale_columns(T* matrix, int depth, int m, int ld, const T* factors) {
  const hn::ScalableTag<T> d;
  for (int i = 0; i < depth; ++i)
    for (int c = 0; c < m; c += static_cast<int>(hn::Lanes(d)))
      hn::Store(hn::Mul(hn::Load(d, matrix + i * ld + c), hn::Load(d, factors + c)), d, matrix + i * ld + c);
}

}  // namespace HWY_NAMESPACE
}  // namespace fvattn::engine::cpu
HWY_AFTER_NAMESPACE();

#endif
