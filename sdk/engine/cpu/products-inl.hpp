// The two small matrix products, for one instruction set. Vectors run along the columns (queries, or keys in the
// key-stationary pass), so both operands are read as they lie in memory: rows by broadcast, columns by whole vectors,
// and neither K nor V is ever packed.
#if defined(FVATTN_PRODUCTS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef FVATTN_PRODUCTS_INL_HPP
#undef FVATTN_PRODUCTS_INL_HPP
#else
#define FVATTN_PRODUCTS_INL_HPP
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace fvattn::engine::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators: kRowBlock x kColumnVectors registers of 16 or 32, the rest for operands.
inline constexpr int kRowBlock = 6;
inline constexpr int kColumnVectors = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : 2;

// Without it g++ unrolls after it has given the accumulators memory, and copies them through the stack.
#undef FVATTN_UNROLL
#define FVATTN_UNROLL _Pragma("GCC unroll 8")

template <int kCount>
using Count = std::integral_constant<int, kCount>;

template <int kRows, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void products_block(D d, const T* HWY_RESTRICT rows, std::int64_t stride, const T* HWY_RESTRICT columns,
                               int depth, int ld, T scale, T* HWY_RESTRICT out) {
  using V = hn::Vec<D>;
  const int lanes = static_cast<int>(hn::Lanes(d));
  V acc[kRows][kVectors];
  FVATTN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FVATTN_UNROLL
    for (int c = 0; c < kVectors; ++c) acc[r][c] = hn::Zero(d);
  }
  for (int k = 0; k < depth; ++k) {
    V column[kVectors];
    FVATTN_UNROLL
    for (int c = 0; c < kVectors; ++c) column[c] = hn::Load(d, columns + c * lanes);
    FVATTN_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const V row = hn::Set(d, rows[r * stride + k]);
      FVATTN_UNROLL
      for (int c = 0; c < kVectors; ++c) acc[r][c] = hn::MulAdd(row, column[c], acc[r][c]);
    }
    columns += ld;
  }
  const V factor = hn::Set(d, scale);
  FVATTN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FVATTN_UNROLL
    for (int c = 0; c < kVectors; ++c) hn::Store(hn::Mul(acc[r][c], factor), d, out + r * ld + c * lanes);
  }
}

template <int kRows, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void accumulate_block(D d, const T* HWY_RESTRICT rows, std::int64_t stride, const T* HWY_RESTRICT weights, int n,
                                 int ld, const T* HWY_RESTRICT rescale, T* HWY_RESTRICT acc_out) {
  using V = hn::Vec<D>;
  const int lanes = static_cast<int>(hn::Lanes(d));
  V acc[kRows][kVectors];
  FVATTN_UNROLL
  for (int c = 0; c < kVectors; ++c) {
    const V factor = rescale ? hn::Load(d, rescale + c * lanes) : hn::Set(d, T{1});
    FVATTN_UNROLL
    for (int r = 0; r < kRows; ++r) acc[r][c] = hn::Mul(factor, hn::Load(d, acc_out + r * ld + c * lanes));
  }
  for (int i = 0; i < n; ++i) {
    V weight[kVectors];
    FVATTN_UNROLL
    for (int c = 0; c < kVectors; ++c) weight[c] = hn::Load(d, weights + c * lanes);
    FVATTN_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const V row = hn::Set(d, rows[r]);
      FVATTN_UNROLL
      for (int c = 0; c < kVectors; ++c) acc[r][c] = hn::MulAdd(row, weight[c], acc[r][c]);
    }
    rows += stride;
    weights += ld;
  }
  FVATTN_UNROLL
  for (int r = 0; r < kRows; ++r) {
    FVATTN_UNROLL
    for (int c = 0; c < kVectors; ++c) hn::Store(acc[r][c], d, acc_out + r * ld + c * lanes);
  }
}

/// body(Count of rows, first row) over blocks of kRowBlock rows and one shorter one.
template <class Body>
HWY_INLINE void row_blocks(int rows, Body&& body) {
  int at = 0;
  for (; at + kRowBlock <= rows; at += kRowBlock) body(Count<kRowBlock>(), at);
  switch (rows - at) {
    case 1: return body(Count<1>(), at);
    case 2: return body(Count<2>(), at);
    case 3: return body(Count<3>(), at);
    case 4: return body(Count<4>(), at);
    case 5: return body(Count<5>(), at);
    default: return;
  }
}

/// body(Count of vectors, first column) over blocks of kColumnVectors vectors and single ones.
template <class Body>
HWY_INLINE void column_blocks(int m, int lanes, Body&& body) {
  int at = 0;
  for (; at + (kColumnVectors - 1) * lanes < m; at += kColumnVectors * lanes) body(Count<kColumnVectors>(), at);
  for (; at < m; at += lanes) body(Count<1>(), at);
}

template <class T>
void products(const T* rows, std::int64_t stride, const T* columns, int n, int depth, int m, int ld, T scale, T* out) {
  const hn::ScalableTag<T> d;
  column_blocks(m, static_cast<int>(hn::Lanes(d)), [&](auto vectors, int c) HWY_ATTR {
    row_blocks(n, [&](auto count, int r) HWY_ATTR {
      products_block<count.value, vectors.value>(d, rows + r * stride, stride, columns + c, depth, ld, scale,
                                                 out + r * ld + c);
    });
  });
}

template <class T>
void accumulate(const T* rows, std::int64_t stride, const T* weights, int n, int depth, int m, int ld, const T* rescale,
                T* acc) {
  const hn::ScalableTag<T> d;
  column_blocks(m, static_cast<int>(hn::Lanes(d)), [&](auto vectors, int c) HWY_ATTR {
    row_blocks(depth, [&](auto count, int r) HWY_ATTR {
      accumulate_block<count.value, vectors.value>(d, rows + r, stride, weights + c, n, ld, rescale ? rescale + c : nullptr,
                                                   acc + r * ld + c);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace fvattn::engine::cpu
HWY_AFTER_NAMESPACE();

#endif
