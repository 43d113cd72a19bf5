// Where the threads of one group meet: a barrier that carries what each brings, checks that they came for the same
// thing, and ends for all when one fails.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace fvattn {

/// What a rank brings to a meeting.
struct Post {
  std::string operation;  // must be equal on all ranks
  Exchange exchange;      // of an exchange
  Contract contract;      // of gather_contracts
};

using Posts = std::shared_ptr<const std::vector<std::shared_ptr<const Post>>>;

/// Shared by the ranks; thread-safe.
class Rendezvous {
 public:
  Rendezvous(int size, const CommunicatorOptions& options);

  /// Returns when all ranks have come, or with an error on all of them: other operations, a timeout, an abort, a rank
  /// that left. After an error all meetings fail with it. `waited` grows by the time spent here. Gives what all brought,
  /// by rank: kept as long as somebody holds it, whatever its owner does next.
  Result<Posts> meet(int rank, Post post, std::chrono::microseconds& waited);
  void abort(int rank, const std::string& reason);
  /// The rank will never come again.
  void leave(int rank);

  int size() const { return static_cast<int>(posts_.size()); }

 private:
  void fail(Status status);      // under the lock
  Status check_same() const;     // under the lock, all have come
  std::string missing() const;   // under the lock: "ranks 1, 3"
  void check_left(int meeting_rank);  // under the lock

  const CommunicatorOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable change_;
  std::vector<std::shared_ptr<const Post>> posts_;  // of the meeting that forms
  std::vector<bool> here_, left_;
  int arrived_ = 0;
  uint64_t meetings_ = 0;  // completed
  Posts latest_;           // of the latest completed one; the next cannot complete before all have taken it
  Status failure_;
};

}  // namespace fvattn
