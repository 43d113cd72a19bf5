// A tensor in host memory between guard bands, poisoned until written.
#pragma once

#include <fvattn/plugin/tensor.hpp>
#include <fvattn/testing/device.hpp>
#include <fvattn/testing/half.hpp>

#include <algorithm>
#include <numeric>
#include <random>

namespace fvattn::testing {

using plugin::Dtype;

/// Every byte starts as 0xFF, which is NaN in all float types: the elements, the gaps between rows and 4 KiB on both
/// sides. So what a backend leaves unwritten shows as NaN, and what it writes outside shows in intact().
class Tensor {
 public:
  static constexpr uint64_t kGuard = 4096;

  Tensor() = default;
  /// gap: extra elements between rows of the second dimension. The first element is 16-byte aligned and nothing more
  /// than that, at a byte_offset that is not 0: what the ABI promises.
  Tensor(Dtype dtype, std::vector<int64_t> shape, int64_t gap = 0)
      : shape_(std::move(shape)), strides_(shape_.size()), dtype_(dtype) {
    int64_t stride = 1;
    for (size_t i = shape_.size(); i-- > 0;) {
      if (i == 1 && shape_.size() > 2) stride += gap;
      strides_[i] = stride;
      stride *= shape_[i];
    }
    span_ = static_cast<uint64_t>(std::max<int64_t>(stride, 1)) * bytes_each();
    memory_.resize((2 * kGuard + kOffset + span_) / sizeof(Block) + 1);
    std::memset(static_cast<void*>(memory_.data()), 0xFF, memory_.size() * sizeof(Block));
  }

  Dtype dtype() const { return dtype_; }
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t size() const { return std::accumulate(shape_.begin(), shape_.end(), int64_t{1}, std::multiplies<>()); }

  /// The view that goes into a call. Valid until the tensor moves or dies.
  fvattn_tensor c() const {
    auto* self = const_cast<Tensor*>(this);
    fvattn_tensor t{};
    t.data = self->memory_.data();
    t.device_type = test_device().type;
    t.ndim = static_cast<int32_t>(shape_.size());
    t.dtype_code = dtype_.code;
    t.dtype_bits = dtype_.bits;
    t.dtype_lanes = 1;
    t.shape = self->shape_.data();
    t.strides = self->strides_.data();
    t.byte_offset = kGuard + kOffset;
    return t;
  }

  /// Elements by logical (row-major) index, through double.
  double get(int64_t i) const {
    const unsigned char* p = at(i);
    if (dtype_ == plugin::kBF16) return from_bf16(load<uint16_t>(p));
    if (dtype_ == plugin::kF16) return from_f16(load<uint16_t>(p));
    if (dtype_ == plugin::kF32) return load<float>(p);
    if (dtype_ == plugin::kF64) return load<double>(p);
    if (dtype_ == plugin::kI32) return load<int32_t>(p);
    if (dtype_ == plugin::kI64) return static_cast<double>(load<int64_t>(p));
    return *p;
  }
  void set(int64_t i, double value) {
    unsigned char* p = const_cast<unsigned char*>(at(i));
    if (dtype_ == plugin::kBF16) store(p, to_bf16(value));
    else if (dtype_ == plugin::kF16) store(p, to_f16(value));
    else if (dtype_ == plugin::kF32) store(p, static_cast<float>(value));
    else if (dtype_ == plugin::kF64) store(p, value);
    else if (dtype_ == plugin::kI32) store(p, static_cast<int32_t>(value));
    else if (dtype_ == plugin::kI64) store(p, static_cast<int64_t>(value));
    else *p = static_cast<unsigned char>(value);
  }
  std::vector<double> values() const {
    std::vector<double> all(static_cast<size_t>(size()));
    for (int64_t i = 0; i < size(); ++i) all[static_cast<size_t>(i)] = get(i);
    return all;
  }
  Tensor& fill(const std::vector<double>& values) {
    for (int64_t i = 0; i < size(); ++i) set(i, values[static_cast<size_t>(i)]);
    return *this;
  }
  template <class Engine>
  Tensor& normal(Engine& engine, double sigma = 1) {
    std::normal_distribution<double> number(0, sigma);
    for (int64_t i = 0; i < size(); ++i) set(i, number(engine));
    return *this;
  }

  /// False when a byte outside the elements was written.
  bool intact() const {
    const unsigned char* first = memory_.data()->bytes;
    std::vector<bool> inside(memory_.size() * sizeof(Block), false);
    for (int64_t i = 0; i < size(); ++i)
      for (uint64_t b = 0; b < bytes_each(); ++b) inside[static_cast<size_t>(at(i) - first) + b] = true;
    for (size_t b = 0; b < inside.size(); ++b)
      if (!inside[b] && first[b] != 0xFF) return false;
    return true;
  }

 private:
  struct alignas(64) Block {
    unsigned char bytes[64];
  };
  static constexpr uint64_t kOffset = 48;

  uint64_t bytes_each() const { return dtype_.bits / 8u; }
  const unsigned char* at(int64_t i) const {
    int64_t offset = 0;
    for (size_t d = shape_.size(); d-- > 0; i /= shape_[d]) offset += i % shape_[d] * strides_[d];
    const auto* first = reinterpret_cast<const unsigned char*>(memory_.data());
    return first + kGuard + kOffset + static_cast<uint64_t>(offset) * bytes_each();
  }
  template <class T>
  static T load(const unsigned char* p) {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  template <class T>
  static void store(unsigned char* p, T value) {
    std::memcpy(p, &value, sizeof value);
  }

  std::vector<int64_t> shape_, strides_;
  std::vector<Block> memory_;
  uint64_t span_ = 0;
  Dtype dtype_;
};

}  // namespace fvattn::testing
