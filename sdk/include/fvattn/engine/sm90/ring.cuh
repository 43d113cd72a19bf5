// Where a producer or a consumer stands in a ring of pipeline stages.
#pragma once

#include <cstdint>

namespace fvattn::engine::sm90 {

// Position in a ring of `kStages` barriers.
template <int kStages>
struct RingPosition {
  int stage = 0;
  std::uint32_t parity = 0;
  __device__ __forceinline__ void advance() {
    if (++stage == kStages) {
      stage = 0;
      parity ^= 1u;
    }
  }
};

} // namespace fvattn::engine::sm90
