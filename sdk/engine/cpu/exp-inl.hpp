// exp on vectors, for one instruction set: within 1.5 ulp of the exact value, 0 below the normal range, NaN stays NaN.
#if defined(FVATTN_EXP_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef FVATTN_EXP_INL_HPP
#undef FVATTN_EXP_INL_HPP
#else
#define FVATTN_EXP_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace fvattn::engine::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Cody and Waite's reduction x = n ln 2 + r with a two-part ln 2, then a polynomial in r (|r| <= ln 2 / 2). Adding and
// subtracting `shifter` rounds to the integer n and leaves it in the low bits of the sum, whence 2^n is made.
template <class D>
HWY_INLINE hn::Vec<D> exp_f32(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  const auto shifter = hn::Set(d, 12582912.f);  // 1.5 * 2^23
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), shifter);
  const auto n = hn::Sub(shifted, shifter);
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  auto p = hn::Set(d, 1.9875691500e-4f);  // Cephes expf
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.f));
  const auto power = hn::BitCast(d, hn::Add(hn::ShiftLeft<23>(hn::BitCast(di, shifted)), hn::Set(di, 127 << 23)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -86.6f)), hn::Mul(p, power));
}

template <class D>
HWY_INLINE hn::Vec<D> exp_f64(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  const auto shifter = hn::Set(d, 6755399441055744.0);  // 1.5 * 2^52
  const auto shifted = hn::MulAdd(x, hn::Set(d, 1.4426950408889634), shifter);
  const auto n = hn::Sub(shifted, shifter);
  auto r = hn::NegMulAdd(n, hn::Set(d, 6.93147180369123816490e-01), x);
  r = hn::NegMulAdd(n, hn::Set(d, 1.90821492927058770002e-10), r);
  // Taylor; the 14th term is below 5e-18.
  constexpr double kInverseFactorials[] = {
      1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
      1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  auto p = hn::Set(d, kInverseFactorials[13]);
  for (int k = 12; k >= 0; --k) p = hn::MulAdd(p, r, hn::Set(d, kInverseFactorials[k]));
  const auto power =
      hn::BitCast(d, hn::Add(hn::ShiftLeft<52>(hn::BitCast(di, shifted)), hn::Set(di, std::int64_t{1023} << 52)));
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -707.0)), hn::Mul(p, power));
}

template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return exp_f32(d, x);
  else
    return exp_f64(d, x);
}

}  // namespace HWY_NAMESPACE
}  // namespace fvattn::engine::cpu
HWY_AFTER_NAMESPACE();

#endif
