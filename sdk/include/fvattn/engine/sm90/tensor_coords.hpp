// What a tensor copy is asked for: where the box lies, and what the L2 cache should do with it.
#pragma once

namespace fvattn::engine::sm90 {

enum class CacheHint { kEvictFirst, kEvictLast, kHalfEvictFirst };

struct Coords4 {
  int c0, c1, c2, c3;
};
struct Coords5 {
  int c0, c1, c2, c3, c4;
};

} // namespace fvattn::engine::sm90
