// The block lists of one call, for describe.
#pragma once

#include "schedule.hpp"

namespace vsa {

/// index [batch, heads, blocks, width] ascending, count [batch, heads, blocks] entries of it.
struct KeptBlocks {
  std::vector<int32_t> index, count;
  int width = 0;
};

}  // namespace vsa
