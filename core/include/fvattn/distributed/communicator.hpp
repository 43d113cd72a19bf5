// Ranks that exchange heads for rows. An ordinary object that is passed to a layer; there is no global one.
#pragma once

#include <fvattn/distributed/contract.hpp>
#include <fvattn/distributed/geometry.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// One tensor of an exchange. `sequence` and `heads` are the same on every rank; the layouts are this rank's.
struct Transfer {
  std::string name;  // "q", "k", ...: for messages
  Pattern pattern = Pattern::scatter_heads;
  Ranges sequence, heads;
  Layout source, target;
  /// Of a target that is lent (Communicator::lend): room behind its rows, in every batch. The same on every rank.
  int64_t spare_rows = 0;
};

/// Any number of tensors that move at once.
struct Exchange {
  std::string name;  // the operation: "scatter_heads"
  std::vector<Transfer> transfers;
  /// Keeps the memory of sources and targets alive while others still read or write it, also if this rank gives up.
  std::shared_ptr<const void> owner;
  /// Where all of them lie: -1 = memory of the CPU, else the number of a GPU, and the cudaStream_t whose order sources and
  /// targets follow ("complete" is meant in that order).
  int device = -1;
  void* stream = nullptr;
};

/// What a communicator did so far.
struct CommunicatorStats {
  uint64_t exchanges = 0;
  uint64_t bytes_remote = 0, bytes_local = 0;  // received from other ranks, from this rank
  uint64_t copies = 0;                         // passes over whole tensors beside the exchange itself (packing, staging)
  uint64_t waits_us = 0;                       // time spent waiting for other ranks
};

struct CommunicatorOptions {
  /// How long a rank waits for the others in one operation.
  std::chrono::milliseconds timeout{30'000};
  /// The same for the first operation: other ranks may still load, compile or allocate.
  std::chrono::milliseconds warm_up_timeout{600'000};
};

/// One rank's end. Every rank calls the same operations in the same order; a rank that does not is an error on all of
/// them (its operation and theirs are named), and one that never comes is an error after the timeout. After such an
/// error, and after abort(), the communicator is unusable: each further call says why. A disagreement found by agree()
/// leaves it usable. One thread at a time calls the operations of one rank.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual const std::string& name() const = 0;  // of the transport: "threads"
  /// Why it is not the transport that was tried first; empty if it is. The same on all ranks.
  virtual const std::string& fallback_reason() const = 0;
  /// True if tensors on GPUs can be handed in.
  virtual bool moves_device_memory() const = 0;
  /// True if an exchange that all ranks have made before can be recorded in a CUDA graph and replayed any number of times.
  virtual bool can_be_captured() const { return false; }
  /// True if lend() saves a copy. The same on all ranks.
  virtual bool lends() const { return false; }

  /// Moves all transfers. Targets are complete, and sources may be written again, when it returns. Refused before a byte
  /// moves if ranks came with different operations, splits or sizes.
  virtual Status exchange(const Exchange& exchange) = 0;
  /// Where the targets of these transfers can lie, in memory of the communicator's own that others write in place: for
  /// transports that have to copy what arrives otherwise (lends()). By transfer, and of no transfer nullptr, not of
  /// an empty one either; dense, Transfer::spare_rows behind the rows of each batch. Empty where there is no memory: targets
  /// are the caller's then. Targets of `exchange` are ignored. All ranks call it alike, and either all or none exchange into
  /// all of what they got; collective where the shape is new. It holds until this rank's next lend(), and what is in it
  /// until the next exchange into it, in the order of the stream: for tensors that die before.
  virtual Result<std::vector<std::byte*>> lend(const Exchange& exchange);
  /// Every rank's contract, by rank.
  virtual Result<std::vector<Contract>> gather_contracts(const Contract& mine) = 0;
  /// Returns when every rank has called it.
  virtual Status barrier() = 0;
  /// Ends the operations of all ranks, those that wait now and those to come, with `reason` and this rank's number.
  /// Does not wait. The first reason stays.
  virtual void abort(const std::string& reason) = 0;
  virtual CommunicatorStats stats() const = 0;

  /// gather_contracts and check_agreement: the contracts if all is well.
  Result<std::vector<Contract>> agree(const Contract& mine);
};

/// The only rank of one. Its exchanges are plain copies of CPU memory; layers pass their tensors through and make none.
std::shared_ptr<Communicator> make_local_communicator();

/// `size` ranks that are threads of this process: element r goes to the thread that plays rank r. Ranks read each other's
/// memory directly: no copy beside the exchange itself. CPU memory only. A communicator that is destroyed while others
/// still wait for its rank ends their wait with an error.
std::vector<std::shared_ptr<Communicator>> make_thread_communicators(int size, const CommunicatorOptions& options = {});

}  // namespace fvattn
