// The inner loops of the cpu engine as plain functions. libfvattn_cpu_engine compiles them once for each instruction set
// (Highway) and picks the best one that the machine has; the policy templates above them stay free of SIMD.
//
// Matrices are row-major; `ld` is the row length in memory. Column counts are rounded up to whole vectors inside: every
// matrix with `ld` has room for that, starts at a multiple of 64 bytes, and ld is a multiple of 16.
#pragma once

#include <fvattn/engine/cpu/element.hpp>

#include <cstdint>
#include <string_view>

namespace fvattn::engine::cpu {

template <class T>
struct Kernels {
  const char* target;  // Highway's name of the instruction set

  /// out[i, c] = scale * sum_d rows[i, d] * columns[d, c]     for i < n, d < depth, c < m
  void (*products)(const T* rows, std::int64_t row_stride, const T* columns, int n, int depth, int m, int ld, T scale,
                   T* out);

  /// acc[d, c] = rescale[c] * acc[d, c] + sum_i rows[i, d] * weights[i, c]     rescale null: 1
  void (*accumulate)(const T* rows, std::int64_t row_stride, const T* weights, int n, int depth, int m, int ld,
                     const T* rescale, T* acc);

  /// One step of the online softmax of each column: tile[i, c] becomes exp(tile[i, c] - max[c]) with the new maximum,
  /// sum[c] is brought up to date, rescale[c] is what earlier results are to be multiplied with. visible (null: all):
  /// bit c % 64 of word [i * ld / 64 + c / 64]. True when some rescale[c] is not 1.
  bool (*softmax)(T* tile, int n, int m, int ld, const std::uint64_t* visible, T* max, T* sum, T* rescale);

  /// p[i, c] = exp(p[i, c] - lse), ds[i, c] = scale * p * (ds[i, c] - delta), 0 where hidden. lse and delta belong to the
  /// columns (gradient_columns) or to the rows (gradient_rows). A row without keys has lse = +inf here.
  void (*gradient_columns)(T* p, T* ds, int n, int m, int ld, const std::uint64_t* visible, T scale, const T* lse,
                           const T* delta);
  void (*gradient_rows)(T* p, T* ds, int n, int m, int ld, const std::uint64_t* visible, T scale, const T* lse,
                        const T* delta);

  /// m[d, c] *= factors[c]
  void (*scale_columns)(T* matrix, int depth, int m, int ld, const T* factors);
};

/// Contiguous runs of 16-bit floats; narrowing rounds to nearest even.
struct Conversions {
  void (*widen_bf16)(const Bf16* from, float* to, int n);
  void (*widen_half)(const Half* from, float* to, int n);
  void (*narrow_bf16)(const float* from, Bf16* to, int n);
  void (*narrow_half)(const float* from, Half* to, int n);
};

/// The best table for this machine; thread-safe, never fails.
template <class T>
const Kernels<T>& kernels();
template <>
const Kernels<float>& kernels<float>();
template <>
const Kernels<double>& kernels<double>();
const Conversions& conversions();
/// For tests and comparisons: "AVX3", "AVX2", "SSE4", "NEON", "EMU128", or "" for the best again. False, and no change, when
/// it was not compiled or this machine lacks it. Not to be called while an engine runs.
bool use_target(std::string_view name);

inline void widen(const Bf16* from, float* to, int n) { conversions().widen_bf16(from, to, n); }
inline void widen(const Half* from, float* to, int n) { conversions().widen_half(from, to, n); }
inline void narrow(const float* from, Bf16* to, int n) { conversions().narrow_bf16(from, to, n); }
inline void narrow(const float* from, Half* to, int n) { conversions().narrow_half(from, to, n); }

}  // namespace fvattn::engine::cpu
