// Typed reading of metadata and options.
#pragma once

#include <fvattn/plugin/tensor.hpp>

#include <array>

namespace fvattn::plugin {

inline const char* kind_name(int32_t kind) {
  switch (kind) {
    case FVATTN_I64: return "an integer";
    case FVATTN_F64: return "a number";
    case FVATTN_BOOL: return "a bool";
    case FVATTN_STR: return "a string";
    case FVATTN_I64S: return "a list of integers";
    case FVATTN_F64S: return "a list of numbers";
    case FVATTN_TENSOR: return "a tensor";
    default: return "an unknown kind";
  }
}

namespace detail {
/// read(kv, out) gives false when the kind does not fit.
inline bool read(const fvattn_kv& kv, int64_t& out) { return kv.kind == FVATTN_I64 && (out = kv.v.i64, true); }
inline bool read(const fvattn_kv& kv, int32_t& out) {
  if (kv.kind != FVATTN_I64 || kv.v.i64 != static_cast<int32_t>(kv.v.i64)) return false;
  out = static_cast<int32_t>(kv.v.i64);
  return true;
}
inline bool read(const fvattn_kv& kv, double& out) {
  if (kv.kind == FVATTN_I64) return out = static_cast<double>(kv.v.i64), true;
  return kv.kind == FVATTN_F64 && (out = kv.v.f64, true);
}
inline bool read(const fvattn_kv& kv, bool& out) { return kv.kind == FVATTN_BOOL && (out = kv.v.i64 != 0, true); }
inline bool read(const fvattn_kv& kv, std::string_view& out) {
  return kv.kind == FVATTN_STR && (out = {kv.v.str, static_cast<size_t>(kv.count)}, true);
}
inline bool read(const fvattn_kv& kv, std::string& out) {
  return kv.kind == FVATTN_STR && (out.assign(kv.v.str, static_cast<size_t>(kv.count)), true);
}
inline bool read(const fvattn_kv& kv, std::vector<int64_t>& out) {
  return kv.kind == FVATTN_I64S && (out.assign(kv.v.i64s, kv.v.i64s + kv.count), true);
}
inline bool read(const fvattn_kv& kv, std::vector<double>& out) {
  if (kv.kind == FVATTN_I64S) return out.assign(kv.v.i64s, kv.v.i64s + kv.count), true;
  return kv.kind == FVATTN_F64S && (out.assign(kv.v.f64s, kv.v.f64s + kv.count), true);
}
template <size_t N>
bool read(const fvattn_kv& kv, std::array<int64_t, N>& out) {
  if (kv.kind != FVATTN_I64S || kv.count != N) return false;
  for (size_t i = 0; i < N; ++i) out[i] = kv.v.i64s[i];
  return true;
}
inline bool read(const fvattn_kv& kv, const fvattn_tensor*& out) {
  return kv.kind == FVATTN_TENSOR && (out = kv.v.tensor, true);
}
}  // namespace detail

/// Reads the key-values of metadata, options or a problem. A view: valid as long as they are.
/// T: int64_t, int32_t, double (takes integers), bool, std::string, std::string_view, std::vector<int64_t>,
/// std::vector<double> (takes integers), std::array<int64_t, N> (exactly N), const fvattn_tensor*.
class KeyValues {
 public:
  explicit KeyValues(fvattn_kvs kvs) : kvs_(kvs) {}

  const fvattn_kv* find(std::string_view key) const {
    for (size_t i = 0; i < kvs_.n; ++i)
      if (view(kvs_.p[i].key) == key) return &kvs_.p[i];
    return nullptr;
  }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// FVATTN_I64 ..., 0 when the key is absent. For keys that accept several kinds.
  int32_t kind(std::string_view key) const {
    const fvattn_kv* kv = find(key);
    return kv ? kv->kind : 0;
  }
  /// INVALID_ARGUMENT when the key is absent or of a kind that T cannot hold.
  template <class T>
  T get(std::string_view key) const {
    const fvattn_kv* kv = find(key);
    if (!kv) fail(FVATTN_INVALID_ARGUMENT, "the key %.*s is missing", static_cast<int>(key.size()), key.data());
    return convert<T>(*kv);
  }
  /// `otherwise` when the key is absent.
  template <class T>
  T get(std::string_view key, T otherwise) const {
    const fvattn_kv* kv = find(key);
    return kv ? convert<T>(*kv) : otherwise;
  }

  const fvattn_kv* begin() const { return kvs_.p; }
  const fvattn_kv* end() const { return kvs_.p + kvs_.n; }
  fvattn_kvs c() const { return kvs_; }

 private:
  template <class T>
  static T convert(const fvattn_kv& kv) {
    T value{};
    if (!detail::read(kv, value))
      fail(FVATTN_INVALID_ARGUMENT, "the key %.*s is %s (%llu values), which does not fit here", static_cast<int>(kv.key.n),
           kv.key.p, kind_name(kv.kind), static_cast<unsigned long long>(kv.count));
    return value;
  }

  fvattn_kvs kvs_;
};

}  // namespace fvattn::plugin
