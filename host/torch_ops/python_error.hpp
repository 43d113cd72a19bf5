// From fvattn's errors to Python's.
#pragma once

#include <fvattn/status.hpp>

#include <c10/util/Exception.h>

#include <string>

namespace fvattn::torch_ops {

/// Runs `body`. fvattn::Error becomes ValueError for arguments that make no sense, else RuntimeError; `who` goes before its
/// text.
template <class Body>
auto or_python_error(const char* who, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    const std::string text = std::string(who) + error.what();
    TORCH_CHECK_VALUE(error.status().code != Code::invalid_argument, text);
    TORCH_CHECK(false, text);
  }
}

}  // namespace fvattn::torch_ops
