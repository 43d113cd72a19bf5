// The exception of fvattn::sta.
#pragma once

#include <stdexcept>

namespace fvattn::sta {

/// What the reference raises as ValueError, KeyError or AssertionError, with its text where it has one; and files that
/// cannot be read, are malformed or cannot be written.
struct StaError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace fvattn::sta
