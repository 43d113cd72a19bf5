// The ranks of one communicator: messages between all pairs, with a time limit, and words when one fails.
#pragma once

#include "mpi/notice.hpp"
#include "mpi/world.hpp"

#include <fvattn/distributed/communicator.hpp>

#include <memory>
#include <vector>

namespace fvattn::mpi {

/// Messages that are under way, with the memory they use. By rank; the own one stays empty.
struct Flight {
  std::vector<MPI_Request> receives, sends;
  std::vector<std::string> in;
  std::string out;
  std::shared_ptr<const void> owner;
};

class Group {
 public:
  using Clock = std::chrono::steady_clock;
  struct Moved {
    uint64_t remote = 0, local = 0, copies = 0;
  };

  /// Every rank makes its own at the same time.
  static Result<std::unique_ptr<Group>> create(World& world, const CommunicatorOptions& options);
  /// The others hear that this rank is gone.
  ~Group();

  int rank() const { return world_.rank(); }
  int size() const { return world_.size(); }

  /// Every rank's payload, by rank, once all have come for the same operation. An error on one is one on all, and stays.
  Result<std::vector<std::string>> meet(const std::string& operation, const std::string& payload);
  /// After meet(): the bytes of a checked exchange, one message for each pair of ranks.
  Result<Moved> move(const Exchange& exchange);
  /// The operation is over: what others report from now on is about later ones.
  void complete();
  /// By any thread, at any time. The first failure stays.
  void abort(const std::string& reason);
  uint64_t waited_us() const { return static_cast<uint64_t>(waited_.count()); }

 private:
  Group(World& world, MPI_Comm comm, const CommunicatorOptions& options);
  Result<std::vector<std::string>> all_to_all(const std::string& operation, std::string out,
                                              const std::vector<size_t>& sizes, int tag);
  /// Until all has landed; after a failure the flight is gone.
  Status wait(std::unique_ptr<Flight>& flight, const std::string& operation, bool moving);
  // Under the mutex:
  Status fail(Status status, bool is_news);  // news: the others have to be told
  Status hear(const std::string& operation);
  Status late(const Flight& flight, const std::string& operation, std::chrono::milliseconds limit);
  void tell(Notice::Kind kind, const Status& status);
  void give_up(std::unique_ptr<Flight> flight);

  World& world_;
  const MPI_Comm comm_;  // stays until MPI ends: freeing it would be an operation of all ranks
  const CommunicatorOptions options_;
  uint64_t completed_ = 0;
  std::vector<Notice> heard_;
  Status failure_;
  std::chrono::microseconds waited_{0};
};

}  // namespace fvattn::mpi
