#include "io/safetensors/header.hpp"

#include "common/json.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace fvattn::host::safetensors {
namespace {

Status bad(std::string_view origin, const std::string& what, std::string got = {}, std::string accepted = {}) {
  return Status::error(Code::failed_precondition, std::string(origin) + ": " + what, std::move(got), std::move(accepted));
}

// A list of integers that fit into int64 and are not negative.
bool read_numbers(const Json& json, std::vector<int64_t>& numbers) {
  if (!json.is_array()) return false;
  for (const Json& item : json) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return false;
    numbers.push_back(item.get<int64_t>());
  }
  return true;
}

Status read_entry(const std::string& name, const Json& json, uint64_t data_bytes, std::string_view origin, Entry& entry) {
  const std::string tensor = "tensor '" + name + "' ";
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets") ||
      json.size() != 3)
    return bad(origin, tensor + "needs exactly dtype, shape and data_offsets",
               json.dump(-1, ' ', false, Json::error_handler_t::replace));
  entry.name = name;
  const std::string dtype = json["dtype"].is_string() ? json["dtype"].get<std::string>() : json["dtype"].dump();
  entry.dtype = find_dtype(dtype);
  if (entry.dtype == nullptr) return bad(origin, tensor + "has an unknown dtype", dtype, dtype_names());
  std::vector<int64_t> offsets;
  if (!read_numbers(json["shape"], entry.shape))
    return bad(origin, tensor + "has a bad shape", json["shape"].dump(), "a list of lengths");
  if (!read_numbers(json["data_offsets"], offsets) || offsets.size() != 2 || offsets[0] > offsets[1])
    return bad(origin, tensor + "has bad data_offsets", json["data_offsets"].dump(), "[begin, end]");
  entry.offset = static_cast<uint64_t>(offsets[0]);
  entry.bytes = static_cast<uint64_t>(offsets[1] - offsets[0]);
  uint64_t bytes = entry.dtype->bits / 8;
  bool fits = true;
  for (const int64_t length : entry.shape)
    fits = fits && !__builtin_mul_overflow(bytes, static_cast<uint64_t>(length), &bytes);
  if (!fits || bytes != entry.bytes)
    return bad(origin, tensor + "has offsets that do not match its shape",
               std::to_string(entry.bytes) + " bytes for " + dtype + " " + json["shape"].dump());
  if (static_cast<uint64_t>(offsets[1]) > data_bytes)
    return bad(origin, tensor + "ends behind the end of the file; the file is cut short",
               "byte " + std::to_string(offsets[1]) + " of " + std::to_string(data_bytes));
  return {};
}

}  // namespace

Result<Header> parse_header(std::string_view json_text, uint64_t data_bytes, std::string_view origin) {
  if (json_text.empty() || json_text[0] != '{')
    return bad(origin, "this is not a safetensors file: the header is no JSON object");
  Result<Json> json = parse_json(json_text, std::string(origin) + ": the header");
  if (!json) return json.status();
  if (!json->is_object()) return bad(origin, "the header must be a JSON object", json->type_name());
  Header header;
  for (const auto& [name, value] : json->items()) {
    if (name == kMetadataKey) {
      if (!value.is_object()) return bad(origin, "__metadata__ must be an object of strings", value.type_name());
      for (const auto& [key, text] : value.items()) {
        if (!text.is_string())
          return bad(origin, "__metadata__ must be an object of strings", "key '" + key + "' is a " + text.type_name());
        header.metadata[key] = text.get<std::string>();
      }
      continue;
    }
    Entry entry;
    if (Status status = read_entry(name, value, data_bytes, origin, entry); !status.ok()) return status;
    header.entries.push_back(std::move(entry));
  }
  std::stable_sort(header.entries.begin(), header.entries.end(), [](const Entry& a, const Entry& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
  });
  uint64_t end = 0;
  for (const Entry& entry : header.entries) {
    if (entry.offset != end)
      return bad(origin, "tensor '" + entry.name + (entry.offset < end ? "' overlaps another" : "' leaves a gap before it"));
    end += entry.bytes;
  }
  if (end != data_bytes)
    return bad(origin, "bytes follow the last tensor", std::to_string(data_bytes) + " bytes of data", std::to_string(end));
  return header;
}

std::string make_header(Header& header) {
  Json json = Json::object();
  if (!header.metadata.empty()) json[kMetadataKey] = header.metadata;
  uint64_t offset = 0;
  for (Entry& entry : header.entries) {
    entry.offset = offset;
    offset += entry.bytes;
    json[entry.name] = {{"dtype", entry.dtype->name}, {"shape", entry.shape}, {"data_offsets", {entry.offset, offset}}};
  }
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string prefix(sizeof(length), '\0');
  for (size_t i = 0; i < sizeof(length); ++i) prefix[i] = static_cast<char>(length >> (8 * i) & 0xFF);
  return prefix + text;
}

}  // namespace fvattn::host::safetensors
