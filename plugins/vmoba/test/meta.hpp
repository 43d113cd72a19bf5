// Key-values that own what they point to.
#pragma once

#include <fvattn/plugin/key_values.hpp>

#include <memory>
#include <string>
#include <vector>

namespace vmoba_test {

class Meta {
 public:
  Meta& set(const char* key, int64_t value) { return put(key, FVATTN_I64, 1, [&](fvattn_kv& kv) { kv.v.i64 = value; }); }
  Meta& set(const char* key, int value) { return set(key, int64_t{value}); }
  Meta& set(const char* key, double value) { return put(key, FVATTN_F64, 1, [&](fvattn_kv& kv) { kv.v.f64 = value; }); }
  Meta& set(const char* key, bool value) { return put(key, FVATTN_BOOL, 1, [&](fvattn_kv& kv) { kv.v.i64 = value; }); }
  Meta& set(const char* key, const char* value) {
    const auto kept = std::make_shared<const std::string>(value);
    kept_.push_back(kept);
    return put(key, FVATTN_STR, kept->size(), [&](fvattn_kv& kv) { kv.v.str = kept->c_str(); });
  }
  Meta& set(const char* key, std::vector<int64_t> value) {
    const auto kept = std::make_shared<const std::vector<int64_t>>(std::move(value));
    kept_.push_back(kept);
    return put(key, FVATTN_I64S, kept->size(), [&](fvattn_kv& kv) { kv.v.i64s = kept->data(); });
  }
  Meta& remove(std::string_view key) {
    for (auto it = kvs_.begin(); it != kvs_.end(); ++it)
      if (fvattn::plugin::view(it->key) == key) return kvs_.erase(it), *this;
    return *this;
  }
  fvattn_kvs c() const { return {kvs_.data(), kvs_.size()}; }

 private:
  template <class Fill>
  Meta& put(const char* key, int32_t kind, size_t count, Fill&& fill) {
    remove(key);
    fvattn_kv kv{};
    kv.key = fvattn::plugin::str(key);
    kv.kind = kind;
    kv.count = count;
    fill(kv);
    kvs_.push_back(kv);
    return *this;
  }

  std::vector<fvattn_kv> kvs_;
  std::vector<std::shared_ptr<const void>> kept_;  // shared by copies: the key-values point into them
};

}  // namespace vmoba_test
