// Which steps of a work item are a consumer's own, for policies whose consumers have lists of their own (owned_lists.hpp).
#pragma once

#include <fvattn/engine/policies/owned_lists.hpp>

#include <cstdint>

namespace fvattn::engine::sm90 {

// Walks the steps that one consumer owns. 32 steps at a time: each lane reads one of them, votes say whose they are and
// which have hidden keys, so that a step costs no load; the next 32 are on their way. Called by whole warps.
template <class Config, class Policy>
class OwnedSteps {
public:
  __device__ __forceinline__ OwnedSteps(const Policy& policy, int owner) : policy_(policy), owner_(owner) {}

  __device__ __forceinline__ void start(const WorkItem& item) {
    item_ = item;
    steps_ = policy_.template steps<Config>(item);
    first_ = 0;
    ahead_ = read(0);
    take();
  }
  // Steps of the item that somebody loads; at least one, as the producer does.
  __device__ __forceinline__ int count() const { return steps_ > 0 ? steps_ : 1; }
  // The next own step; count() past the last.
  __device__ __forceinline__ int next() {
    while (own_ == 0) {
      if (first_ + 32 >= steps_) return count();
      first_ += 32;
      take();
    }
    bit_ = __ffs(static_cast<int>(own_)) - 1;
    own_ &= own_ - 1;
    return first_ + bit_;
  }
  // Of the step that next() gave last.
  __device__ __forceinline__ bool hides_keys() const { return (hiding_ >> bit_ & 1u) != 0; }
  __device__ __forceinline__ int key_tile() const { return __shfl_sync(0xFFFFFFFFu, Policy::key_tile(here_), bit_); }

private:
  __device__ __forceinline__ int read(int first) const {
    const int step = first + static_cast<int>(threadIdx.x & 31);
    return step < steps_ ? policy_.owned_step(item_, step) : 0;
  }
  __device__ __forceinline__ void take() {
    here_ = ahead_;
    const bool mine = first_ + static_cast<int>(threadIdx.x & 31) < steps_ && (Policy::owners(here_) >> owner_ & 1u) != 0;
    own_ = __ballot_sync(0xFFFFFFFFu, mine);
    hiding_ = __ballot_sync(0xFFFFFFFFu, mine && policy_.template needs_mask<Config>(item_, Policy::key_tile(here_)));
    ahead_ = read(first_ + 32);
  }

  const Policy& policy_;
  WorkItem item_;
  int owner_, steps_ = 0, first_ = 0, bit_ = 0;
  int here_ = 0, ahead_ = 0; // this lane's step of these 32, and of the next
  std::uint32_t own_ = 0, hiding_ = 0;
};

} // namespace fvattn::engine::sm90
