// Walks the query tiles that see a key tile, over all query heads of its group.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine::sm80 {

struct QueryVisit {
  WorkItem item;  // of the query tile
  bool valid = false;
};

template <class Shape, class Policy>
class QueryCursor {
 public:
  /// Heads first_head .. first_head + heads - 1.
  __device__ __forceinline__ QueryCursor(const Policy& policy, int kv_tile, int batch, int first_head, int heads)
      : policy_(policy), item_{kv_tile, first_head, batch}, end_head_(first_head + heads) {
    start();
  }

  /// The next visit; not valid past the last.
  __device__ __forceinline__ QueryVisit next() {
    while (item_.head < end_head_ && step_ >= steps_) {
      if (++item_.head < end_head_) start();
      step_ = 0;
    }
    if (item_.head >= end_head_) return {};
    const int step = step_++;
    if constexpr (WalksTiles<Policy>) {
      if (step > 0) walk_.next();
      return {{walk_.tile(policy_.q_map), item_.head, item_.batch}, true};
    } else {
      return {{policy_.template q_tile<Shape>(item_, step), item_.head, item_.batch}, true};
    }
  }

 private:
  __device__ __forceinline__ void start() {
    if constexpr (WalksTiles<Policy>) {
      walk_ = policy_.q_walk(item_);
      steps_ = walk_.steps(ceil_div(policy_.q_map.text, Shape::kTileQ));
    } else {
      steps_ = policy_.template q_steps<Shape>(item_);
    }
  }

  const Policy& policy_;
  WorkItem item_;  // q_tile counts key tiles
  int end_head_, step_ = 0, steps_ = 0;
  [[no_unique_address]] typename WalkOf<Policy>::type walk_;
};

}  // namespace fvattn::engine::sm80
