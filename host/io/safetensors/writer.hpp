// Writes a safetensors file, whole or not at all.
#pragma once

#include "io/safetensors/header.hpp"

namespace fvattn::host::safetensors {

/// A tensor to write: contiguous, row-major, in host memory that the caller keeps until write() returns.
struct Source {
  std::string name;
  const Dtype* dtype = nullptr;
  std::vector<int64_t> shape;
  const void* data = nullptr;
};

/// Writes beside `path` and renames. Larger element types go first, so that every tensor is aligned to its type.
/// Errors as AtomicFile; INVALID_ARGUMENT for a name twice.
Status write(const std::string& path, std::vector<Source> tensors, const std::map<std::string, std::string>& metadata);

}  // namespace fvattn::host::safetensors
