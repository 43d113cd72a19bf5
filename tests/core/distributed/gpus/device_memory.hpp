// Memory and a stream of one GPU.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace fvattn::test {

inline void cuda(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

class DeviceMemory {
 public:
  explicit DeviceMemory(const std::vector<std::byte>& like) : bytes_(like.size()) {
    cuda(cudaMalloc(&data_, std::max<size_t>(bytes_, 1)));
  }
  DeviceMemory(DeviceMemory&& other) noexcept : bytes_(other.bytes_), data_(std::exchange(other.data_, nullptr)) {}
  ~DeviceMemory() { cudaFree(data_); }

  std::byte* get() const { return static_cast<std::byte*>(data_); }
  void write(const std::vector<std::byte>& bytes, cudaStream_t stream) {
    cuda(cudaMemcpyAsync(data_, bytes.data(), bytes_, cudaMemcpyHostToDevice, stream));
  }
  std::vector<std::byte> read(cudaStream_t stream) const {
    std::vector<std::byte> bytes(bytes_);
    cuda(cudaMemcpyAsync(bytes.data(), data_, bytes_, cudaMemcpyDeviceToHost, stream));
    cuda(cudaStreamSynchronize(stream));
    return bytes;
  }

 private:
  size_t bytes_;
  void* data_ = nullptr;
};

struct Stream {
  cudaStream_t value = nullptr;
  explicit Stream(int device) {
    cuda(cudaSetDevice(device));
    cuda(cudaStreamCreateWithFlags(&value, cudaStreamNonBlocking));
  }
  ~Stream() { cudaStreamDestroy(value); }
};

}  // namespace fvattn::test
