// 16-bit tensors on the host and the device, with gaps between rows and guard bands around, all NaN.
#pragma once

#include <fvattn/engine/sm80/tensor.hpp>

#include <cstdint>
#include <random>
#include <vector>

namespace fvattn::engine::sm80::test {

enum class Type { bfloat16, float16 };

std::uint16_t to_bits(Type type, float value);
float from_bits(Type type, std::uint16_t bits);

struct Shape {
  int batch = 1, rows = 0, heads = 1, columns = 0;
  std::size_t size() const;
  std::size_t index(int b, int r, int h, int c) const;
};

/// Freshly seeded once a program; the seed is printed.
std::mt19937_64& random_engine();
int random_int(int low, int high);  // both included

class TestTensor {
 public:
  /// Unwritten: every element has the bits 0xffff, a NaN. `layout` picks one of several stride patterns: 0 contiguous,
  /// 1 gaps after channels, rows and batches, 2 heads before rows.
  TestTensor(Type type, const Shape& shape, int layout);
  TestTensor(const TestTensor&) = delete;
  TestTensor& operator=(const TestTensor&) = delete;
  ~TestTensor();

  /// Fills with N(0, deviation), rounded to the type, and uploads.
  void randomize(float deviation);
  /// Makes the values these and uploads.
  void assign(const std::vector<float>& values);
  /// Back to the unwritten state.
  void poison();
  /// Fetches the device's content into values(). Fails the test when an element is unwritten or anything else changed.
  void download();

  ConstTensor view() const { return {device_data(), batch_stride_, row_stride_, head_stride_}; }
  MutableTensor mutable_view() const { return {device_data(), batch_stride_, row_stride_, head_stride_}; }
  const Shape& shape() const { return shape_; }
  Type type() const { return type_; }
  /// The exact values, [batch, rows, heads, columns] without gaps.
  const std::vector<float>& values() const { return values_; }
  const std::vector<std::uint16_t>& bits() const { return bits_; }

 private:
  void* device_data() const;
  std::size_t offset(int b, int r, int h, int c) const;
  void upload() const;

  Type type_;
  Shape shape_;
  std::int64_t batch_stride_, row_stride_, head_stride_;
  std::vector<std::uint16_t> bits_;  // the whole allocation
  std::vector<float> values_;
  void* device_ = nullptr;
};

}  // namespace fvattn::engine::sm80::test
