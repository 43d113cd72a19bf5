// The element types of a safetensors file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn::host::safetensors {

/// One type. `code` is DLPack's type code (the same as FVATTN_DTYPE_* where fvattn has one).
struct Dtype {
  const char* name;  // as in the file: "F32"
  uint8_t code, bits;
};

/// nullptr for a name that is not a safetensors type.
const Dtype* find_dtype(std::string_view name);
const Dtype* find_dtype(uint8_t code, uint8_t bits);
/// "BF16, BOOL, ..."
std::string dtype_names();

}  // namespace fvattn::host::safetensors
