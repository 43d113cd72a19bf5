// Reads tensors from a safetensors file.
#pragma once

#include "io/safetensors/header.hpp"

#include <memory>

namespace fvattn::host::safetensors {

/// Holds the file open; tensors are read on demand into memory of the caller (a file cut short meanwhile is an error,
/// not a crash). Not thread-safe.
class Reader {
 public:
  /// FAILED_PRECONDITION: no such file, no permission, not a safetensors file.
  static Result<Reader> open(const std::string& path);

  const std::vector<Entry>& entries() const { return header_.entries; }
  const Entry* find(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  const std::string& path() const { return path_; }
  /// Copies the tensor's entry.bytes bytes, row-major, to `memory`.
  Status read(const Entry& entry, void* memory) const;

 private:
  std::string path_;
  std::shared_ptr<const int> descriptor_;
  uint64_t data_start_ = 0;
  Header header_;
};

}  // namespace fvattn::host::safetensors
