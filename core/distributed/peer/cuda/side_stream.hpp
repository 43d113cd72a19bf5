// Work that runs beside what is queued on a stream.
#pragma once

#include <cuda_runtime_api.h>

namespace fvattn::peer {

/// A second stream that begins behind what is queued on a first one, which then waits for it: also where the first one is
/// being recorded in a graph. Of the current device; made by the first fork().
class SideStream {
 public:
  SideStream() = default;
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;
  ~SideStream();

  /// Makes it, if need be.
  cudaError_t make();
  cudaError_t fork(cudaStream_t stream);
  cudaError_t join(cudaStream_t stream);
  cudaStream_t get() const { return side_; }

 private:
  cudaStream_t side_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace fvattn::peer
