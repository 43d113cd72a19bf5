// NCCL's communicator, which never blocks and can be ended at any time.
#pragma once

#include "distributed/nccl/plan.hpp"
#include "functions.hpp"

#include <chrono>
#include <mutex>
#include <span>
#include <string>

namespace fvattn::nccl {

/// The current device is the group's wherever a function is called. Thread-safe.
class Group {
 public:
  Group(const Functions& functions, int rank, int size) : f_(functions), rank_(rank), size_(size) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  /// Ends it as abort() does, unless close() came before.
  ~Group();

  /// Collective. Waits until all ranks are connected, or the limit.
  Status connect(const ncclUniqueId& id, std::chrono::milliseconds limit);
  /// One group of these messages on the stream. Returns when NCCL has queued it: the first time the ranks connect to each
  /// other for that, within the limit.
  Status exchange(const Plan& plan, cudaStream_t stream, std::chrono::milliseconds limit);
  /// What NCCL found out since.
  Status trouble();
  /// Ends what is queued, on this rank alone. The group is of no more use.
  void abort();
  /// When all that was queued is done: a friendly end, of which other ranks need not know for longer than the limit.
  void close(std::chrono::milliseconds limit);

 private:
  Status error(const char* what, ncclResult_t result) const;  // under the lock
  // Until NCCL is no longer busy with this communicator.
  Status settle(const char* what, std::chrono::milliseconds limit);

  const Functions& f_;
  const int rank_, size_;
  std::mutex mutex_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace fvattn::nccl
