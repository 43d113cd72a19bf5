// Time of work on one device.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace fvattn::bench {

using Work = std::function<void()>;

/// On a GPU by events on the current stream of `device`, on the CPU by the steady clock.
class Timer {
 public:
  explicit Timer(at::Device device) : device_(device) {}
  /// Milliseconds of `calls` calls, one after the other.
  double time(const Work& work, int calls) const;
  /// Milliseconds of one call after the caches were filled with something else.
  double time_cold(const Work& work) const;
  void wait() const;

 private:
  at::Device device_;
  mutable at::Tensor flush_;
};

}  // namespace fvattn::bench
