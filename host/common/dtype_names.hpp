// Spellings of element types on the command line.
#pragma once

#include <fvattn/status.hpp>

#include <cstdint>
#include <string>

namespace fvattn::host {

struct DtypeCode {
  uint8_t code = 0, bits = 0;  // as in DLPack
};

/// "float64", "float32", "bfloat16", "float16" and "fp64", "fp32", "bf16", "fp16"; with `integers` also "bool",
/// "uint8", "int32", "int64". INVALID_ARGUMENT naming `option` for anything else.
Result<DtypeCode> dtype_by_name(const std::string& name, const std::string& option, bool integers = false);

}  // namespace fvattn::host
