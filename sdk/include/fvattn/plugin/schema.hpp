// What a backend takes besides q, k and v: builders for the key tables of the C ABI.
#pragma once

#include <fvattn/plugin/key_values.hpp>

#include <initializer_list>
#include <memory>
#include <type_traits>

namespace fvattn::plugin {

/// A default of a key. Strings must be literals.
class Default {
 public:
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Default(T value) {
    if constexpr (std::is_same_v<T, bool>) kv_.kind = FVATTN_BOOL, kv_.v.i64 = value;
    else if constexpr (std::is_integral_v<T>) kv_.kind = FVATTN_I64, kv_.v.i64 = static_cast<int64_t>(value);
    else kv_.kind = FVATTN_F64, kv_.v.f64 = value;
    kv_.count = 1;
  }
  Default(const char* text) {
    kv_.kind = FVATTN_STR;
    kv_.count = std::strlen(text);
    kv_.v.str = text;
  }
  Default(std::initializer_list<int64_t> values) : i64s_(values) { kv_.kind = FVATTN_I64S; }
  Default(std::vector<double> values) : f64s_(std::move(values)) { kv_.kind = FVATTN_F64S; }

 private:
  friend class Schema;
  fvattn_kv kv_{};
  std::vector<int64_t> i64s_;
  std::vector<double> f64s_;
};

/// Bits for `kinds`.
inline constexpr uint32_t kTakesI64 = 1u << FVATTN_I64, kTakesF64 = 1u << FVATTN_F64, kTakesBool = 1u << FVATTN_BOOL,
                          kTakesStr = 1u << FVATTN_STR, kTakesI64s = 1u << FVATTN_I64S, kTakesF64s = 1u << FVATTN_F64S,
                          kTakesTensor = 1u << FVATTN_TENSOR;

/// Metadata or option keys. Names and docs are string literals; flags are FVATTN_KEY_*.
///   return Schema().required("dit_seq_shape", kTakesI64s, "token grid [T, H, W]")
///                  .key("tile_size", {4, 4, 4}, "tokens of one tile")
///                  .key("VSA_sparsity", 0.0, "share left out", FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP).also(kTakesF64s);
class Schema {
 public:
  Schema& required(const char* name, uint32_t kinds, const char* doc, uint32_t flags = FVATTN_KEY_SEMANTIC) {
    fvattn_kv kv{};
    for (int32_t kind = FVATTN_I64; kind <= FVATTN_TENSOR && !kv.kind; ++kind)
      if (kinds & 1u << kind) kv.kind = kind;
    return add(name, kv, kinds, doc, flags | FVATTN_KEY_REQUIRED);
  }
  /// No default: absence has a meaning of its own.
  Schema& optional(const char* name, uint32_t kinds, const char* doc, uint32_t flags = FVATTN_KEY_SEMANTIC) {
    return add(name, fvattn_kv{}, kinds, doc, flags);
  }
  Schema& key(const char* name, Default otherwise, const char* doc, uint32_t flags = FVATTN_KEY_SEMANTIC) {
    fvattn_kv kv = otherwise.kv_;
    static constexpr int64_t kNoInteger = 0; // an empty list is a default too: its pointer must not be null
    static constexpr double kNoNumber = 0;
    kv.count = kv.kind == FVATTN_I64S ? otherwise.i64s_.size() : kv.kind == FVATTN_F64S ? otherwise.f64s_.size() : kv.count;
    if (kv.kind == FVATTN_I64S) kv.v.i64s = kv.count ? keep(std::move(otherwise.i64s_)) : &kNoInteger;
    if (kv.kind == FVATTN_F64S) kv.v.f64s = kv.count ? keep(std::move(otherwise.f64s_)) : &kNoNumber;
    return add(name, kv, 1u << kv.kind, doc, flags);
  }
  /// The last key accepts these kinds as well.
  Schema& also(uint32_t kinds) {
    keys_.back().kinds |= kinds;
    return *this;
  }

  const fvattn_meta_key* data() const { return keys_.data(); }
  size_t size() const { return keys_.size(); }

 private:
  Schema& add(const char* name, fvattn_kv kv, uint32_t kinds, const char* doc, uint32_t flags) {
    kv.key = str(name);
    kv.flags = flags;
    keys_.push_back({kv, kinds, 0, str(doc)});
    return *this;
  }

  template <class T>
  const T* keep(std::vector<T> list) {
    auto kept = std::make_shared<const std::vector<T>>(std::move(list));
    const T* first = kept->data();
    lists_.push_back(std::move(kept));
    return first;
  }

  std::vector<fvattn_meta_key> keys_;
  std::vector<std::shared_ptr<const void>> lists_; // shared by copies: the keys point into them
};

/// Further input tensors. dtypes: FVATTN_DT_* bits; shard: FVATTN_SHARD_*; ndim -1: any; flags: FVATTN_TENSOR_*.
class TensorSchema {
 public:
  TensorSchema& key(const char* name, int32_t ndim, uint32_t dtypes, int32_t shard, const char* doc, uint32_t flags = 0) {
    keys_.push_back({str(name), str(doc), flags, shard, ndim, dtypes});
    return *this;
  }
  const fvattn_tensor_key* data() const { return keys_.data(); }
  size_t size() const { return keys_.size(); }

 private:
  std::vector<fvattn_tensor_key> keys_;
};

}  // namespace fvattn::plugin
