// What a rank of a process group sees of the others besides collectives: who aborted, left, ended or does not come.
#pragma once

#include <fvattn/status.hpp>

#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace fvattn::c10d_transport {

/// An operation that a rank waits in: its text, and how many the rank has begun before.
struct Waiting {
  std::string operation;
  uint64_t index = 0;
  std::chrono::milliseconds limit{0};
};

/// Thread-safe. Everything works without a store, but then nothing is known of ranks on other machines.
class Watch {
 public:
  /// `store` may be null; `prefix` is of this communicator alone. `processes`: process_identity() by rank, or empty.
  Watch(c10::intrusive_ptr<::c10d::Store> store, std::string prefix, int rank, int size,
        std::vector<std::string> processes);

  /// Waits for `work` on the host, whatever device it is on. OK if it succeeded; else who is to blame, in words.
  Status wait(::c10d::Work& work, const Waiting& waiting);
  /// The same for anything that can be asked whether it is done.
  Status wait_until(const std::function<bool()>& done, const Waiting& waiting);
  /// Who is to blame for `error`, which the group gave in place of a work.
  Status blame(const std::string& error, const Waiting& waiting);

  /// Makes `reason` what all ranks see from now on, unless there is one already. Returns the one that stays.
  std::string post_abort(const std::string& reason);
  /// Returns when the others had time to see what was posted: the program may end now, and the store with it.
  void let_others_look() const;
  /// This rank begins no operation after `operations` ones.
  void post_left(uint64_t operations);

 private:
  Status look(const Waiting& waiting);  // at the store and at processes
  Status late(const Waiting& waiting);
  std::pair<std::string, int> ended_ranks() const;  // "rank 1 (process 17), rank 3 (process 19)", and how many
  std::vector<int> missing();  // calls the roll
  bool check(const std::string& key);
  std::string get(const std::string& key);
  void set(const std::string& key, const std::string& value);

  const c10::intrusive_ptr<::c10d::Store> store_;
  const std::string prefix_;
  const int rank_, size_;
  const std::vector<std::string> processes_;
  std::mutex mutex_;
  std::string own_abort_;
};

}  // namespace fvattn::c10d_transport
