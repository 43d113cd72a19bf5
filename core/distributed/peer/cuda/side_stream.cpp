#include "side_stream.hpp"

#include <initializer_list>

namespace fvattn::peer {

SideStream::~SideStream() {
  if (side_ == nullptr) return;
  cudaEventDestroy(begin_);
  cudaEventDestroy(end_);
  cudaStreamDestroy(side_);
}

cudaError_t SideStream::make() {
  if (side_ != nullptr) return cudaSuccess;
  for (cudaEvent_t* event : {&begin_, &end_})
    if (const cudaError_t error = cudaEventCreateWithFlags(event, cudaEventDisableTiming); error != cudaSuccess)
      return error;
  return cudaStreamCreateWithFlags(&side_, cudaStreamNonBlocking);
}

cudaError_t SideStream::fork(cudaStream_t stream) {
  if (const cudaError_t error = make(); error != cudaSuccess) return error;
  if (const cudaError_t error = cudaEventRecord(begin_, stream); error != cudaSuccess) return error;
  return cudaStreamWaitEvent(side_, begin_, 0);
}

cudaError_t SideStream::join(cudaStream_t stream) {
  if (const cudaError_t error = cudaEventRecord(end_, side_); error != cudaSuccess) return error;
  return cudaStreamWaitEvent(stream, end_, 0);
}

}  // namespace fvattn::peer
