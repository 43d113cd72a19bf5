// Looks after queued operations from a thread of its own: NCCL's kernels wait for other ranks without a limit.
#pragma once

#include <fvattn/status.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace fvattn::nccl {

enum class Progress { queued, running, done };

/// Thread-safe.
class Watch {
 public:
  struct Operation {
    std::string name;
    std::chrono::milliseconds limit;  // from when it is seen to run
    std::function<Progress()> progress;
  };
  struct Reflexes {
    std::function<Status()> trouble;  // of the group, seen from outside of its operations
    std::function<void()> kill;       // ends what is queued; called once at most, when the first failure comes
  };
  /// Both are called from the watching thread, `kill` also from fail(), and never while a lock of this is held.
  Watch(int rank, Reflexes reflexes);
  ~Watch();

  /// Operations end in the order in which they are added.
  void add(Operation operation);
  /// The first failure stays.
  void fail(const Status& status);
  Status failure() const;
  /// Waits until all that was added is done. False if that was not so within `limit`, or there is a failure.
  bool wait_until_idle(std::chrono::milliseconds limit);

 private:
  using Clock = std::chrono::steady_clock;
  void watch();
  Status look();  // at the first operation

  const int rank_;
  const Reflexes reflexes_;
  mutable std::mutex mutex_;
  std::condition_variable change_;
  std::deque<Operation> operations_;
  Clock::time_point running_since_;  // the first operation
  bool runs_ = false;
  bool ends_ = false;
  Status failure_;
  std::thread thread_;  // last: it uses all others
};

}  // namespace fvattn::nccl
