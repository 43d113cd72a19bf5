// Names, dtypes and typed access to the tensors of a call.
#pragma once

#include <fvattn/plugin/error.hpp>

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fvattn::plugin {

inline std::string_view view(fvattn_str s) { return {s.p, s.n}; }
inline fvattn_str str(std::string_view s) { return {s.data(), s.size()}; }

struct Dtype {
  uint8_t code = 0, bits = 0;
  friend constexpr bool operator==(Dtype a, Dtype b) { return a.code == b.code && a.bits == b.bits; }
  friend constexpr bool operator!=(Dtype a, Dtype b) { return !(a == b); }
};
inline constexpr Dtype kF64{FVATTN_DTYPE_FLOAT, 64}, kF32{FVATTN_DTYPE_FLOAT, 32}, kF16{FVATTN_DTYPE_FLOAT, 16},
    kBF16{FVATTN_DTYPE_BFLOAT, 16}, kBool{FVATTN_DTYPE_BOOL, 8}, kU8{FVATTN_DTYPE_UINT, 8}, kI32{FVATTN_DTYPE_INT, 32},
    kI64{FVATTN_DTYPE_INT, 64};

inline Dtype dtype(const fvattn_tensor& t) { return {t.dtype_code, t.dtype_bits}; }
inline Dtype dtype(const fvattn_problem& p) { return {p.dtype_code, p.dtype_bits}; }
inline Dtype dtype(const fvattn_spec& s) { return {s.dtype_code, s.dtype_bits}; }

/// The FVATTN_DT_* bit of a dtype, 0 for one that has none.
constexpr uint32_t dtype_bit(Dtype d) {
  constexpr Dtype all[] = {kF64, kF32, kBF16, kF16, kBool, kU8, kI32, kI64};
  for (int i = 0; i < 8; ++i)
    if (all[i] == d) return 1u << i;
  return 0;
}
inline std::string to_string(Dtype d) {
  constexpr const char* names[] = {"float64", "float32", "bfloat16", "float16", "bool", "uint8", "int32", "int64"};
  for (int i = 0; i < 8; ++i)
    if (dtype_bit(d) == 1u << i) return names[i];
  return "dtype " + std::to_string(d.code) + ":" + std::to_string(d.bits);
}

/// The Dtype of a C++ type; 16-bit floats have none here, since the ABI prescribes no type for them.
template <class T>
constexpr Dtype dtype_of() {
  static_assert(std::is_arithmetic_v<T>, "no dtype for this type");
  if constexpr (std::is_same_v<T, bool>) return kBool;
  else if constexpr (std::is_floating_point_v<T>) return {FVATTN_DTYPE_FLOAT, 8 * sizeof(T)};
  else return {std::is_signed_v<T> ? uint8_t{FVATTN_DTYPE_INT} : uint8_t{FVATTN_DTYPE_UINT}, 8 * sizeof(T)};
}

/// The first element, untyped or as T. The dtype is not looked at: the caller knows it from the problem.
template <class T = void>
T* data(const fvattn_tensor& t) {
  return reinterpret_cast<T*>(static_cast<char*>(t.data) + t.byte_offset);
}

inline int64_t numel(const fvattn_tensor& t) {
  int64_t n = 1;
  for (int32_t i = 0; i < t.ndim; ++i) n *= t.shape[i];
  return n;
}
inline bool is_contiguous(const fvattn_tensor& t) {
  int64_t expected = 1;
  for (int32_t i = t.ndim; i-- > 0; expected *= t.shape[i])
    if (t.shape[i] > 1 && t.strides[i] != expected) return false;
  return true;
}

/// A [batch, sequence, heads, dim] tensor as rows. T may be const. Trivially copyable: pass it to kernels.
template <class T>
struct Rows {
  T* base;
  int64_t batch_stride, seq_stride, head_stride;
  explicit Rows(const fvattn_tensor& t)
      : base(data<T>(t)), batch_stride(t.strides[0]), seq_stride(t.strides[1]), head_stride(t.strides[2]) {}
#if defined(__CUDACC__)
  __host__ __device__
#endif
  T* operator()(int64_t b, int64_t s, int64_t h) const {
    return base + b * batch_stride + s * seq_stride + h * head_stride;
  }
};

/// The elements of a contiguous host tensor of exactly T's dtype; INVALID_ARGUMENT otherwise. For metadata tables.
template <class T>
const T* host_data(const fvattn_tensor& t, const char* what) {
  if (t.device_type != FVATTN_CPU) fail(FVATTN_INVALID_ARGUMENT, "%s must be in host memory", what);
  if (dtype(t) != dtype_of<T>())
    fail(FVATTN_INVALID_ARGUMENT, "%s is %s, it must be %s", what, to_string(dtype(t)).c_str(),
         to_string(dtype_of<T>()).c_str());
  if (!is_contiguous(t)) fail(FVATTN_INVALID_ARGUMENT, "%s must be contiguous", what);
  return data<const T>(t);
}

}  // namespace fvattn::plugin
