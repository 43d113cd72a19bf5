#include "test_tensor.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>

namespace fvattn::engine::sm80::test {

namespace {

constexpr std::uint16_t kUnwritten = 0xffff;
constexpr std::size_t kGuard = 2048;  // elements before and after

}  // namespace

std::uint16_t to_bits(Type type, float value) {
  std::uint16_t bits;
  if (type == Type::bfloat16) {
    const __nv_bfloat16 rounded = __float2bfloat16_rn(value);
    std::memcpy(&bits, &rounded, sizeof(bits));
  } else {
    const __half rounded = __float2half_rn(value);
    std::memcpy(&bits, &rounded, sizeof(bits));
  }
  return bits;
}

float from_bits(Type type, std::uint16_t bits) {
  if (type == Type::bfloat16) {
    __nv_bfloat16 value;
    std::memcpy(static_cast<void*>(&value), &bits, sizeof(bits));
    return __bfloat162float(value);
  }
  __half value;
  std::memcpy(static_cast<void*>(&value), &bits, sizeof(bits));
  return __half2float(value);
}

std::size_t Shape::size() const { return static_cast<std::size_t>(batch) * rows * heads * columns; }
std::size_t Shape::index(int b, int r, int h, int c) const {
  return ((static_cast<std::size_t>(b) * rows + r) * heads + h) * columns + c;
}

std::mt19937_64& random_engine() {
  static std::mt19937_64 engine = [] {
    const auto seed = std::random_device{}();
    std::printf("random seed %u\n", seed);
    return std::mt19937_64(seed);
  }();
  return engine;
}

int random_int(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_engine()); }

TestTensor::TestTensor(Type type, const Shape& shape, int layout) : type_(type), shape_(shape) {
  const std::int64_t gap = layout == 1 ? 8 : 0;
  if (layout == 2) {
    row_stride_ = shape.columns + 8;
    head_stride_ = shape.rows * row_stride_ + 16;
    batch_stride_ = shape.heads * head_stride_;
  } else {
    head_stride_ = shape.columns + gap;
    row_stride_ = shape.heads * head_stride_ + 3 * gap;
    batch_stride_ = shape.rows * row_stride_ + 5 * gap;
  }
  bits_.assign(2 * kGuard + static_cast<std::size_t>(shape.batch * batch_stride_), kUnwritten);
  values_.assign(shape.size(), 0.0f);
  REQUIRE(cudaMalloc(&device_, bits_.size() * 2) == cudaSuccess);
  upload();
}

TestTensor::~TestTensor() { cudaFree(device_); }

void* TestTensor::device_data() const { return static_cast<std::uint16_t*>(device_) + kGuard; }

std::size_t TestTensor::offset(int b, int r, int h, int c) const {
  return kGuard + static_cast<std::size_t>(b * batch_stride_ + r * row_stride_ + h * head_stride_ + c);
}

void TestTensor::upload() const {
  REQUIRE(cudaMemcpy(device_, bits_.data(), bits_.size() * 2, cudaMemcpyHostToDevice) == cudaSuccess);
}

void TestTensor::randomize(float deviation) {
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> values(shape_.size());
  for (float& value : values) value = normal(random_engine());
  assign(values);
}

void TestTensor::assign(const std::vector<float>& values) {
  for (int b = 0; b < shape_.batch; ++b) {
    for (int r = 0; r < shape_.rows; ++r) {
      for (int h = 0; h < shape_.heads; ++h) {
        for (int c = 0; c < shape_.columns; ++c) {
          const std::size_t i = shape_.index(b, r, h, c);
          const std::uint16_t bits = to_bits(type_, values[i]);
          bits_[offset(b, r, h, c)] = bits;
          values_[i] = from_bits(type_, bits);
        }
      }
    }
  }
  upload();
}

void TestTensor::poison() {
  bits_.assign(bits_.size(), kUnwritten);
  upload();
}

void TestTensor::download() {
  std::vector<std::uint16_t> now(bits_.size());
  REQUIRE(cudaMemcpy(now.data(), device_, now.size() * 2, cudaMemcpyDeviceToHost) == cudaSuccess);
  std::vector<char> element(now.size(), 0);
  std::size_t unwritten = 0, touched = 0;
  for (int b = 0; b < shape_.batch; ++b) {
    for (int r = 0; r < shape_.rows; ++r) {
      for (int h = 0; h < shape_.heads; ++h) {
        for (int c = 0; c < shape_.columns; ++c) {
          const std::size_t at = offset(b, r, h, c);
          element[at] = 1;
          unwritten += now[at] == kUnwritten;
          values_[shape_.index(b, r, h, c)] = from_bits(type_, now[at]);
        }
      }
    }
  }
  for (std::size_t i = 0; i < now.size(); ++i) touched += element[i] == 0 && now[i] != kUnwritten;
  CHECK_MESSAGE(unwritten == 0, unwritten << " elements were not written");
  CHECK_MESSAGE(touched == 0, touched << " elements outside the tensor were written");
  bits_ = now;
}

}  // namespace fvattn::engine::sm80::test
