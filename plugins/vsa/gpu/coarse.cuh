// The steps before the fine branch.
#pragma once

#include "memory.cuh"

namespace vsa::gpu {

/// Means of q, k and v.
void pool_inputs(const plugin::Call& call, const BlockMap& map, const sm80::ConstTensor (&qkv)[3],
                 const ForwardMemory& memory);
/// The lists, from the means of q and k.
void select_blocks(const plugin::Call& call, const Schedule& schedule, const ForwardMemory& memory);
/// The lists, from block_index and block_count.
void given_lists(const plugin::Call& call, const BlockLists& lists);
/// out_c and lse_c, from the means.
void coarse_forward(const plugin::Call& call, const ForwardMemory& memory);

}  // namespace vsa::gpu
