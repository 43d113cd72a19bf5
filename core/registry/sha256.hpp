// SHA-256 of a file that is already open.
#pragma once

#include "byte_source.hpp"

#include <fvattn/status.hpp>

#include <string>

namespace fvattn {

/// 64 lower-case hexadecimal digits.
Result<std::string> sha256_hex(const ByteSource& bytes);

}  // namespace fvattn
