#include "copy_engines.hpp"

#include "distributed/peer/copies.hpp"

namespace fvattn::peer {

cudaError_t copy_to_peers(const Push& push, cudaStream_t stream) {
  for (const Copy2D& copy : copies_of(push)) {
    const auto size = [](int64_t bytes) { return static_cast<size_t>(bytes); };
    const cudaError_t error =
        copy.height == 1
            ? cudaMemcpyAsync(copy.target, copy.source, size(copy.width), cudaMemcpyDefault, stream)
            : cudaMemcpy2DAsync(copy.target, size(copy.target_pitch), copy.source, size(copy.source_pitch),
                                size(copy.width), size(copy.height), cudaMemcpyDefault, stream);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace fvattn::peer
