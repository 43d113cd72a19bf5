// The copies of the transport `ce`.
#pragma once

#include "distributed/peer/push.hpp"

#include <cuda_runtime_api.h>

namespace fvattn::peer {

/// Queues all jobs of a push as copies.
cudaError_t copy_to_peers(const Push& push, cudaStream_t stream);

}  // namespace fvattn::peer
