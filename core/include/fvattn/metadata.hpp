// Typed key-values and the schemas that check them. This is how metadata and options travel to a backend.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/plugin.h>
#include <fvattn/status.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// A tensor value: a view plus whatever keeps its memory alive. Copies share the memory.
class TensorValue {
 public:
  TensorValue() = default;
  /// Views `data`; `owner` keeps it alive. strides in elements; empty means contiguous. Throws Error if there are
  /// strides, but not one for each dimension.
  TensorValue(void* data, int device_type, int device_id, uint8_t dtype_code, uint8_t dtype_bits, std::vector<int64_t> shape,
              std::vector<int64_t> strides, std::shared_ptr<const void> owner);
  /// A contiguous tensor in host memory. Throws Error if the shape does not hold as many elements as there are values.
  static TensorValue host(std::vector<int64_t> shape, std::vector<int32_t> values);
  static TensorValue host(std::vector<int64_t> shape, std::vector<double> values);

  /// False for a default-constructed value, which has no view.
  bool defined() const { return view_ != nullptr; }
  /// Valid while this object or a copy of it lives.
  const fvattn_tensor& view() const { return *view_; }
  const std::vector<int64_t>& shape() const;

 private:
  struct Storage;
  std::shared_ptr<const Storage> storage_;
  const fvattn_tensor* view_ = nullptr;
};

/// One value. The alternatives are the kinds of the C ABI, in its order (index + 1 == kind).
using Value = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>, TensorValue>;
using KeyValues = std::map<std::string, Value, std::less<>>;

int32_t kind_of(const Value& value);          // FVATTN_I64 ...
const char* kind_name(int32_t kind);          // "int", "number", "bool", "string", "list of int", ...
std::string to_string(const Value& value);    // for messages and tables

/// KeyValues laid out as the C ABI wants them. Points into `source`, which must outlive it.
class PackedKeyValues {
 public:
  explicit PackedKeyValues(const KeyValues& source);
  fvattn_kvs c() const { return {kvs_.data(), kvs_.size()}; }

 private:
  std::vector<fvattn_kv> kvs_;
};

struct SchemaKey {
  std::string name, doc;
  uint32_t kinds = 0;  // bit set, 1u << kind
  uint32_t flags = 0;  // FVATTN_KEY_*
  std::optional<Value> otherwise;  // default; none for REQUIRED keys and where absence has a meaning of its own
};

/// What keys a backend takes. Built once from its C table.
class Schema {
 public:
  Schema() = default;
  explicit Schema(std::vector<SchemaKey> keys) : keys_(std::move(keys)) {}
  /// Copies the table. A key whose dflt.kind is 0, or whose default is a null pointer, has no default; an empty list as
  /// default is a non-null pointer with count 0. A tensor as default must live as long as the plugin.
  static Schema from(const fvattn_meta_key* keys, size_t count);

  const std::vector<SchemaKey>& keys() const { return keys_; }
  const SchemaKey* find(std::string_view name) const;
  /// Checks names and kinds, converts (an integer where a number is asked, a list of int where a list of numbers is),
  /// adds defaults. A key that is not here is an error with the nearest name; so is a missing REQUIRED key.
  /// `who` names the backend in messages.
  Result<KeyValues> complete(const KeyValues& given, std::string_view who) const;

 private:
  std::vector<SchemaKey> keys_;
};

/// A further input tensor that a backend takes.
struct TensorKey {
  std::string name, doc;
  uint32_t flags = 0;   // FVATTN_TENSOR_*
  int32_t shard = 0;    // FVATTN_SHARD_*
  int32_t ndim = -1;
  uint32_t dtypes = 0;  // FVATTN_DT_*
};

}  // namespace fvattn
