#include "io/safetensors/dtype.hpp"

#include <fvattn/plugin.h>

namespace fvattn::host::safetensors {
namespace {

// The 8-bit floats and complex have no FVATTN_DTYPE_ name: DLPack's own numbers.
constexpr uint8_t kComplex = 5, kFloat8E4m3fn = 10, kFloat8E5m2 = 12, kFloat8E8m0fnu = 14;

constexpr Dtype kDtypes[] = {
    {"F64", FVATTN_DTYPE_FLOAT, 64}, {"F32", FVATTN_DTYPE_FLOAT, 32}, {"BF16", FVATTN_DTYPE_BFLOAT, 16},
    {"F16", FVATTN_DTYPE_FLOAT, 16}, {"BOOL", FVATTN_DTYPE_BOOL, 8},  {"U8", FVATTN_DTYPE_UINT, 8},
    {"I8", FVATTN_DTYPE_INT, 8},     {"I16", FVATTN_DTYPE_INT, 16},   {"U16", FVATTN_DTYPE_UINT, 16},
    {"I32", FVATTN_DTYPE_INT, 32},   {"U32", FVATTN_DTYPE_UINT, 32},  {"I64", FVATTN_DTYPE_INT, 64},
    {"U64", FVATTN_DTYPE_UINT, 64},  {"F8_E4M3", kFloat8E4m3fn, 8},   {"F8_E5M2", kFloat8E5m2, 8},
    {"F8_E8M0", kFloat8E8m0fnu, 8},  {"C64", kComplex, 64},
};

}  // namespace

const Dtype* find_dtype(std::string_view name) {
  for (const Dtype& dtype : kDtypes)
    if (name == dtype.name) return &dtype;
  return nullptr;
}

const Dtype* find_dtype(uint8_t code, uint8_t bits) {
  for (const Dtype& dtype : kDtypes)
    if (code == dtype.code && bits == dtype.bits) return &dtype;
  return nullptr;
}

std::string dtype_names() {
  std::string text;
  for (const Dtype& dtype : kDtypes) text += (text.empty() ? "" : ", ") + std::string(dtype.name);
  return text;
}

}  // namespace fvattn::host::safetensors
