// Key-padding masks in device memory as the policy wants them.
#pragma once

#include "../schedule.hpp"

#include <cuda_runtime_api.h>

namespace flash::gpu {

/// As fill_key_bits of schedule.hpp, on the stream.
cudaError_t fill_key_bits(const fvattn_problem& p, const fvattn_tensor& mask, const KeyBits& bits, cudaStream_t stream);

}  // namespace flash::gpu
