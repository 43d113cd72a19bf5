// What a call attends, in blocks: the fine branch. The coarse branch sees every block's mean and is not counted.
#pragma once

#include "kept_blocks.hpp"

namespace vsa {

/// Fills the outputs that came. `lists` gives those of a call in which some block is left out.
void describe(const fvattn::plugin::Call& call, KeptBlocks (*lists)(const fvattn::plugin::Call&, const Schedule&));

}  // namespace vsa
