// The time between two points of a rank's work: by events on the GPU, by the clock on the CPU.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <chrono>
#include <optional>

namespace fvattn::bench::dist {

class Stopwatch {
 public:
  explicit Stopwatch(at::Device device) : device_(device) {}
  void start();
  /// The host has done its part: what it queued may still run.
  void queued();
  /// Waits until the work is done.
  void stop();

  double ms() const { return ms_; }          // of the work
  double host_ms() const { return host_ms_; }  // until queued()

 private:
  using Clock = std::chrono::steady_clock;

  const at::Device device_;
  std::optional<c10::Event> begin_, end_;
  Clock::time_point start_;
  double ms_ = 0, host_ms_ = 0;
};

}  // namespace fvattn::bench::dist
