#include <fvattn/metadata.hpp>

#include <fvattn/nearest.hpp>

#include <algorithm>

namespace fvattn {
namespace {

constexpr int64_t kExactInDouble = int64_t{1} << 53;

std::string text_of(fvattn_str text) { return text.p == nullptr ? std::string() : std::string(text.p, text.n); }

bool takes(uint32_t kinds, int32_t kind) { return (kinds >> kind & 1u) != 0; }

std::string kinds_text(uint32_t kinds) {
  std::string text;
  for (int32_t kind = FVATTN_I64; kind <= FVATTN_TENSOR; ++kind)
    if (takes(kinds, kind)) text += (text.empty() ? "" : " or ") + std::string(kind_name(kind));
  return text;
}

bool fits_double(int64_t value) { return value >= -kExactInDouble && value <= kExactInDouble; }

// An integer where a number is asked, a list of them where a list of numbers is; nullopt when neither helps.
std::optional<Value> converted(const Value& value, uint32_t kinds) {
  if (takes(kinds, kind_of(value))) return value;
  if (const auto* i64 = std::get_if<int64_t>(&value); i64 != nullptr && takes(kinds, FVATTN_F64) && fits_double(*i64))
    return static_cast<double>(*i64);
  if (const auto* i64s = std::get_if<std::vector<int64_t>>(&value); i64s != nullptr && takes(kinds, FVATTN_F64S))
    if (std::all_of(i64s->begin(), i64s->end(), fits_double)) return std::vector<double>(i64s->begin(), i64s->end());
  // An empty list has no kind of its own.
  if (const auto* f64s = std::get_if<std::vector<double>>(&value); f64s != nullptr && f64s->empty() && takes(kinds, FVATTN_I64S))
    return std::vector<int64_t>();
  return std::nullopt;
}

// The default in a C table; none for kind 0 and for a null pointer.
std::optional<Value> default_of(const fvattn_kv& kv) {
  switch (kv.kind) {
    case FVATTN_I64: return kv.v.i64;
    case FVATTN_F64: return kv.v.f64;
    case FVATTN_BOOL: return kv.v.i64 != 0;
    case FVATTN_STR:
      if (kv.v.str == nullptr) return std::nullopt;
      return std::string(kv.v.str, kv.count);
    case FVATTN_I64S:
      if (kv.v.i64s == nullptr) return std::nullopt;
      return std::vector<int64_t>(kv.v.i64s, kv.v.i64s + kv.count);
    case FVATTN_F64S:
      if (kv.v.f64s == nullptr) return std::nullopt;
      return std::vector<double>(kv.v.f64s, kv.v.f64s + kv.count);
    case FVATTN_TENSOR:
      if (kv.v.tensor == nullptr) return std::nullopt;
      {
        const fvattn_tensor& t = *kv.v.tensor;
        return TensorValue(static_cast<char*>(t.data) + t.byte_offset, t.device_type, t.device_id, t.dtype_code, t.dtype_bits,
                           {t.shape, t.shape + t.ndim}, {t.strides, t.strides + t.ndim}, nullptr);
      }
    default: return std::nullopt;
  }
}

std::string list_of(const std::vector<SchemaKey>& keys) {
  std::string text;
  for (const SchemaKey& key : keys) text += (text.empty() ? "" : ", ") + key.name;
  return text.empty() ? "no keys" : text;
}

}  // namespace

Schema Schema::from(const fvattn_meta_key* keys, size_t count) {
  std::vector<SchemaKey> list;
  list.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const fvattn_meta_key& from = keys[i];
    SchemaKey key;
    key.name = text_of(from.dflt.key);
    key.doc = text_of(from.doc);
    key.flags = from.dflt.flags;
    key.kinds = from.kinds;
    if (from.dflt.kind >= FVATTN_I64 && from.dflt.kind <= FVATTN_TENSOR) key.kinds |= 1u << from.dflt.kind;
    if ((key.flags & FVATTN_KEY_REQUIRED) == 0) key.otherwise = default_of(from.dflt);
    list.push_back(std::move(key));
  }
  return Schema(std::move(list));
}

const SchemaKey* Schema::find(std::string_view name) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const SchemaKey& key) { return key.name == name; });
  return found == keys_.end() ? nullptr : &*found;
}

Result<KeyValues> Schema::complete(const KeyValues& given, std::string_view who) const {
  const std::string prefix = std::string(who) + ": ";
  KeyValues completed;
  for (const auto& [name, value] : given) {
    const SchemaKey* key = find(name);
    if (key == nullptr) {
      std::vector<std::string> names;
      for (const SchemaKey& known : keys_) names.push_back(known.name);
      const std::string near = nearest_name(name, names);
      return Status::error(Code::invalid_argument, prefix + "key '" + name + "' is unknown", to_string(value), list_of(keys_),
                           near.empty() ? std::string() : "did you mean '" + near + "'?");
    }
    std::optional<Value> fitting = converted(value, key->kinds);
    if (!fitting)
      return Status::error(Code::invalid_argument, prefix + "key '" + name + "' has the wrong kind",
                           std::string(kind_name(kind_of(value))) + " " + to_string(value), kinds_text(key->kinds),
                           key->doc.empty() ? std::string() : "'" + name + "': " + key->doc);
    completed.emplace(name, std::move(*fitting));
  }
  for (const SchemaKey& key : keys_) {
    if (completed.find(key.name) != completed.end()) continue;
    if ((key.flags & FVATTN_KEY_REQUIRED) != 0)
      return Status::error(Code::invalid_argument, prefix + "key '" + key.name + "' is required", "nothing", kinds_text(key.kinds),
                           key.doc.empty() ? std::string() : "'" + key.name + "': " + key.doc);
    if (key.otherwise) completed.emplace(key.name, *key.otherwise);
  }
  return completed;
}

}  // namespace fvattn
