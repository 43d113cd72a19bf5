// VIDEO_SPARSE_ATTN on GPUs.
#pragma once

#include <fvattn/plugin.hpp>

namespace vsa::gpu {

void query(const fvattn_device& device, const fvattn_problem& p, fvattn::plugin::Support& support);

}  // namespace vsa::gpu
