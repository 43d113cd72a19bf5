// Copies within the memory of one GPU.
#pragma once

#include "distributed/peer/job.hpp"

#include <cuda_runtime_api.h>

#include <vector>

namespace fvattn::nccl {

/// Queues all jobs: one kernel of so many blocks for up to 40 of them.
cudaError_t queue_copies(const std::vector<peer::Job>& jobs, int blocks, cudaStream_t stream);

}  // namespace fvattn::nccl
