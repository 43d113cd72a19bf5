// How a loading warp walks the list of a query block: whole key blocks one a step, clipped ones packed.
#pragma once

#include "sm90_list_params.cuh"

namespace vsa::gpu {

inline constexpr unsigned kWholeWarp = 0xFFFFFFFFu;

/// A key block as a copy needs it, in two words that lanes can exchange.
struct ListBlock {
  unsigned place = 0;  // h << 16 | w, in blocks
  unsigned kind = 0;   // (tokens << 3 | shape) << 16 | t

  __device__ __forceinline__ static ListBlock of(const ClippedShapes& shapes, const engine::Extent3& at) {
    const int shape = shapes.shape_of(at);
    return {static_cast<unsigned>(at.h) << 16 | static_cast<unsigned>(at.w),
            static_cast<unsigned>(shapes.tokens[shape] << 3 | shape) << 16 | static_cast<unsigned>(at.t)};
  }
  __device__ __forceinline__ ListBlock of_lane(int lane) const {
    return {__shfl_sync(kWholeWarp, place, lane), __shfl_sync(kWholeWarp, kind, lane)};
  }
  __device__ __forceinline__ engine::Extent3 at() const {
    return {static_cast<int>(kind & 0xFFFFu), static_cast<int>(place >> 16), static_cast<int>(place & 0xFFFFu)};
  }
  __device__ __forceinline__ int shape() const { return static_cast<int>(kind >> 16 & 7u); }
  __device__ __forceinline__ int tokens() const { return static_cast<int>(kind >> 19); }
  /// Whole swizzle atoms.
  __device__ __forceinline__ int slots() const { return (tokens() + 7) & ~7; }
};

/// The blocks of a step, one in each lane up to `count`.
struct ListGroup {
  ListBlock block;         // of this lane
  int slot = 0;            // where it begins
  int count = 0, slots = 0, tokens = 0;
  std::uint64_t seen = 0;  // a bit for each slot that holds a token

  __device__ __forceinline__ bool fits(const ListBlock& next) const {
    return slots + next.slots() <= sm90::kRowsPerConsumer;
  }
  __device__ __forceinline__ void add(const ListBlock& next, int lane) {
    if (lane == count) block = next, slot = slots;
    seen |= ((std::uint64_t{1} << next.tokens()) - 1) << slots;
    ++count;
    slots += next.slots();
    tokens += next.tokens();
  }
};

/// whole(block, last) or clipped(group, last) of each step of a query block, in the order of the list but for clipped
/// blocks, which wait until a step of them is full. Called by a whole warp: each lane reads an entry of the list and finds
/// its place, 32 at a time and the next 32 ahead.
template <class Epilogue, class Whole, class Clipped>
__device__ __forceinline__ void for_list_steps(const ListParams<Epilogue>& p, const engine::WorkItem& item, Whole&& whole,
                                               Clipped&& clipped) {
  const int lane = static_cast<int>(threadIdx.x & 31);
  const bool every = p.policy.every;
  const int length = every ? p.policy.kv_map.boxes() : p.policy.lists.size(item);
  const int* const list = every ? nullptr : p.policy.lists.list + p.policy.lists.row(item) * p.policy.lists.width;
  const auto read = [&](int at) { return at >= length ? 0 : every ? at : list[at]; };
  ListGroup waiting;
  int ahead = read(lane);
  for (int first = 0; first < length; first += 32) {
    const int here = length - first < 32 ? length - first : 32;
    const ListBlock mine = ListBlock::of(p.shapes, p.policy.kv_map.position(ahead));
    ahead = read(first + 32 + lane);
    for (int i = 0; i < here; ++i) {
      const ListBlock block = mine.of_lane(i);
      if (block.shape() == 0) {
        whole(block, first + i + 1 == length && waiting.count == 0);
        continue;
      }
      if (!waiting.fits(block)) {
        clipped(waiting, false);
        waiting = {};
      }
      waiting.add(block, lane);
    }
  }
  // A query block without a key has one step without a key.
  if (waiting.count > 0 || length == 0) clipped(waiting, true);
}

}  // namespace vsa::gpu
