#include <fvattn/metadata.hpp>

namespace fvattn {
namespace {

struct Pack {
  fvattn_kv& kv;

  void operator()(int64_t value) const { kv.v.i64 = value; }
  void operator()(double value) const { kv.v.f64 = value; }
  void operator()(bool value) const { kv.v.i64 = value ? 1 : 0; }
  void operator()(const std::string& value) const {
    kv.v.str = value.c_str();
    kv.count = value.size();
  }
  void operator()(const std::vector<int64_t>& value) const {
    kv.v.i64s = value.data();
    kv.count = value.size();
  }
  void operator()(const std::vector<double>& value) const {
    kv.v.f64s = value.data();
    kv.count = value.size();
  }
  void operator()(const TensorValue& value) const { kv.v.tensor = value.defined() ? &value.view() : nullptr; }
};

}  // namespace

PackedKeyValues::PackedKeyValues(const KeyValues& source) {
  kvs_.reserve(source.size());
  for (const auto& [key, value] : source) {
    fvattn_kv kv{};
    kv.key = {key.data(), key.size()};
    kv.kind = kind_of(value);
    kv.count = 1;
    std::visit(Pack{kv}, value);
    kvs_.push_back(kv);
  }
}

}  // namespace fvattn
