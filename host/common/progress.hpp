// A progress bar for long work.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fvattn::host {

/// Drawn on standard error if that is a terminal, silent otherwise. For one thread. Clears its line when it goes.
class Progress {
 public:
  /// `total` steps of `title`; `enabled` false keeps it silent (--json, say).
  Progress(std::string title, int64_t total, bool enabled = true);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(int64_t steps = 1) { update(done_ + steps); }
  /// `note` is shown behind the bar.
  void update(int64_t done, const std::string& note = {});

 private:
  using Clock = std::chrono::steady_clock;

  std::string title_;
  int64_t total_, done_ = 0;
  bool visible_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace fvattn::host
