// In which order CTAs take key blocks for their gradients. Host and device.
#pragma once

#include <fvattn/engine/portable.hpp>

namespace vsa::gpu {

inline constexpr int kLengthClasses = 3;
inline constexpr int kMostOrdered = (1 << 21) - 1;  // key blocks of all heads of a batch entry

/// 0 for key blocks that many more query blocks see than usual: they come first, or a CTA that takes one of them late would
/// work alone. Inside a class the order stays that of the heads, which share the L2 cache. visits: of the block; all: of
/// `blocks` blocks together.
FVATTN_BOTH int length_class(long long visits, long long all, long long blocks) {
  const long long scaled = visits * blocks;
  return scaled >= 4 * all && visits > 0 ? 0 : scaled >= 2 * all && visits > 0 ? 1 : 2;
}

}  // namespace vsa::gpu
