// 16-bit floats to float32 and back, for one instruction set.
#if defined(FVATTN_CONVERT_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef FVATTN_CONVERT_INL_HPP
#undef FVATTN_CONVERT_INL_HPP
#else
#define FVATTN_CONVERT_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstdint>

#include <fvattn/engine/cpu/element.hpp>

HWY_BEFORE_NAMESPACE();
namespace fvattn::engine::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// step(vector of float tag, at) over whole vectors; then the tail through a padded copy.
template <class From, class To, class Step>
HWY_INLINE void convert(const From* from, To* to, int n, Step&& step) {
  const hn::ScalableTag<float> d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  int at = 0;
  for (; at + lanes <= n; at += lanes) step(d, from + at, to + at);
  if (at == n) return;
  From in[HWY_MAX_BYTES / 4] = {};
  To out[HWY_MAX_BYTES / 4];
  for (int i = at; i < n; ++i) in[i - at] = from[i];
  step(d, in, out);
  for (int i = at; i < n; ++i) to[i] = out[i - at];
}

inline void widen_bf16(const Bf16* from, float* to, int n) {
  convert(from, to, n, [](auto d, const Bf16* x, float* y) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> du;
    const hn::Rebind<std::uint16_t, decltype(d)> du16;
    const auto bits = hn::PromoteTo(du, hn::LoadU(du16, reinterpret_cast<const std::uint16_t*>(x)));
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(bits)), d, y);
  });
}

inline void narrow_bf16(const float* from, Bf16* to, int n) {
  convert(from, to, n, [](auto d, const float* x, Bf16* y) HWY_ATTR {
    const hn::RebindToUnsigned<decltype(d)> du;
    const hn::Rebind<std::uint16_t, decltype(d)> du16;
    const auto value = hn::LoadU(d, x);
    const auto bits = hn::BitCast(du, value);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
    const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(du, 0x7FFFu)));
    const auto quiet =
        hn::Or(bits, hn::Set(du, 0x400000u));  // rounding must not turn a NaN into infinity; Ne is false for NaN
    const auto chosen = hn::IfThenElse(hn::RebindMask(du, hn::Not(hn::Eq(value, value))), quiet, rounded);
    hn::StoreU(hn::TruncateTo(du16, hn::ShiftRight<16>(chosen)), du16, reinterpret_cast<std::uint16_t*>(y));
  });
}

inline void widen_half(const Half* from, float* to, int n) {
  convert(from, to, n, [](auto d, const Half* x, float* y) HWY_ATTR {
    const hn::Rebind<hwy::float16_t, decltype(d)> dh;
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(dh, reinterpret_cast<const hwy::float16_t*>(x))), d, y);
  });
}

inline void narrow_half(const float* from, Half* to, int n) {
  convert(from, to, n, [](auto d, const float* x, Half* y) HWY_ATTR {
    const hn::Rebind<hwy::float16_t, decltype(d)> dh;
    hn::StoreU(hn::DemoteTo(dh, hn::LoadU(d, x)), dh, reinterpret_cast<hwy::float16_t*>(y));
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace fvattn::engine::cpu
HWY_AFTER_NAMESPACE();

#endif
