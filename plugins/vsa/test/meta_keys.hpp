// Key-values of metadata that own what they point to.
#pragma once

#include <fvattn/testing/tensor.hpp>

#include <deque>
#include <memory>
#include <vector>

namespace vsa_test {

class MetaKeys {
 public:
  MetaKeys& list(const char* key, std::vector<int64_t> values) {
    auto& kept = memory_->integers.emplace_back(std::move(values));
    fvattn_kv& kv = add(key, FVATTN_I64S, kept.size());
    kv.v.i64s = kept.data();
    return *this;
  }
  MetaKeys& numbers(const char* key, std::vector<double> values) {
    auto& kept = memory_->numbers.emplace_back(std::move(values));
    fvattn_kv& kv = add(key, FVATTN_F64S, kept.size());
    kv.v.f64s = kept.data();
    return *this;
  }
  MetaKeys& number(const char* key, double value) {
    add(key, FVATTN_F64, 1).v.f64 = value;
    return *this;
  }
  MetaKeys& flag(const char* key, bool value) {
    add(key, FVATTN_BOOL, 1).v.i64 = value;
    return *this;
  }
  /// value: a literal.
  MetaKeys& text(const char* key, const char* value) {
    add(key, FVATTN_STR, std::strlen(value)).v.str = value;
    return *this;
  }
  MetaKeys& tensor(const char* key, fvattn::testing::Tensor value) {
    auto& kept = memory_->tensors.emplace_back(std::move(value));
    auto& view = memory_->views.emplace_back(kept.c());
    add(key, FVATTN_TENSOR, 1).v.tensor = &view;
    return *this;
  }
  fvattn_kvs c() const { return {kvs_.data(), kvs_.size()}; }

 private:
  struct Memory {
    std::deque<std::vector<int64_t>> integers;
    std::deque<std::vector<double>> numbers;
    std::deque<fvattn::testing::Tensor> tensors;
    std::deque<fvattn_tensor> views;
  };
  fvattn_kv& add(const char* key, int32_t kind, size_t count) {
    fvattn_kv kv{};
    kv.key = fvattn::plugin::str(key);
    kv.kind = kind;
    kv.count = count;
    return kvs_.emplace_back(kv);
  }

  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
  std::vector<fvattn_kv> kvs_;
};

}  // namespace vsa_test
