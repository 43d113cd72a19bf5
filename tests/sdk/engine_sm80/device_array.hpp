// Device memory with guard bands.
#pragma once

#include <cuda_runtime_api.h>
#include <doctest/doctest.h>

#include <cstring>
#include <vector>

namespace fvattn::engine::sm80::test {

/// `count` values of T on the device between two bands of 0xff bytes, and themselves 0xff until written.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : count_(count) {
    REQUIRE(cudaMalloc(&base_, bytes()) == cudaSuccess);
    poison();
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    REQUIRE(cudaMemcpy(data(), values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(base_); }

  T* data() const { return reinterpret_cast<T*>(static_cast<char*>(base_) + kGuard); }
  void poison() { REQUIRE(cudaMemsetAsync(base_, 0xff, bytes(), nullptr) == cudaSuccess); }

  /// The values; fails the test when a guard band changed.
  std::vector<T> download() const {
    std::vector<unsigned char> all(bytes());
    REQUIRE(cudaMemcpy(all.data(), base_, bytes(), cudaMemcpyDeviceToHost) == cudaSuccess);
    bool intact = true;
    for (std::size_t i = 0; i < kGuard; ++i) intact = intact && all[i] == 0xff && all[all.size() - 1 - i] == 0xff;
    CHECK_MESSAGE(intact, "a guard band was written");
    std::vector<T> values(count_);
    if (count_ != 0) std::memcpy(values.data(), all.data() + kGuard, count_ * sizeof(T));
    return values;
  }

 private:
  static constexpr std::size_t kGuard = 4096;
  std::size_t bytes() const { return count_ * sizeof(T) + 2 * kGuard; }

  std::size_t count_;
  void* base_ = nullptr;
};

}  // namespace fvattn::engine::sm80::test
