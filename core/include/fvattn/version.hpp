// The version of the library that is loaded.
#pragma once

#include <fvattn/export.hpp>

namespace fvattn FVATTN_PUBLIC {

/// "0.1.0"
const char* version();

}  // namespace fvattn
