// The header of a safetensors file: u64 length (little endian), JSON, then the tensors' bytes without gaps.
#pragma once

#include "io/safetensors/dtype.hpp"

#include <fvattn/status.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn::host::safetensors {

struct Entry {
  std::string name;
  const Dtype* dtype = nullptr;
  std::vector<int64_t> shape;
  uint64_t offset = 0, bytes = 0;  // in the data that follows the header
};

struct Header {
  std::vector<Entry> entries;  // by offset
  std::map<std::string, std::string> metadata;
};

/// As the reference implementation limits it.
inline constexpr uint64_t kLargestHeader = 100'000'000;
inline constexpr const char* kMetadataKey = "__metadata__";

/// Untrusted input: types, lengths, overflow, gaps, overlaps and the end of the data are checked. `data_bytes` is what
/// follows the header in the file. FAILED_PRECONDITION naming `origin` and the tensor.
Result<Header> parse_header(std::string_view json, uint64_t data_bytes, std::string_view origin);
/// The length prefix and the JSON, padded to 8 bytes. Offsets are assigned in the order of the entries.
std::string make_header(Header& header);

}  // namespace fvattn::host::safetensors
