// When a rank may write into memory that another rank reads, and when it may read what others wrote into its own. No
// torch, no CUDA: the same code runs on the CPU, in GPU kernels and in the checker that tries all its interleavings.
//
// Every rank owns slots, which the others write and it reads, and flags, each of which has one writer. Exchange number e
// (an epoch, from 1 on, counted in the memory of the device so that a replayed graph counts on) uses slot e mod slots:
//
//   once, before the first exchange:   after_read(0)
//   write into the slot of each peer:  before_write(peer, e)  stores...  after_write(peer, writer, e)
//   read the own slot:                 before_read(e)         loads...   after_read(e)
//
// With two slots a write never waits. Proof: this rank writes e after its before_read(e - 1), for which every peer had to
// write e - 1, which a peer does after it has read e - 2, the previous content of the slot. This needs what a stream gives:
// a rank reads e completely before it writes e + 1. Where that does not hold (reads on another stream) or where there is one
// slot (its address is recorded in a graph), before_write waits until the peer has said that it is done: `entry`.
//
// Exchanges may differ in that. Those of one slot then have it apart from the two slots, and say after_read(e - 1) before
// their first write of e; the proof for two slots needs only that each exchange waits for all of the previous one.
#pragma once

#include "host_device.hpp"

#include <cstdint>

namespace fvattn::slots {

using Epoch = uint64_t;

/// The flags of one rank, in memory that all ranks can write. Zero before the first exchange.
struct Flags {
  Epoch* arrived = nullptr;  // [ranks][writers]: that writer of that rank has written this epoch
  Epoch* entered = nullptr;  // [ranks]: that rank's slot is free for this epoch

  static FVATTN_SLOTS_FUNCTION int64_t count(int ranks, int writers) { return int64_t{ranks} * (writers + 1); }
};

/// How a group works together; the same on all ranks.
struct Shape {
  int ranks = 1;
  int writers = 1;  // of each rank: thread blocks that write a part each
  int slots = 2;
  bool entry = false;  // writers wait for the reader's word; must be true with one slot, and where the word also means
                       // that the reader's memory is free for the first time

  FVATTN_SLOTS_FUNCTION int slot_of(Epoch epoch) const { return static_cast<int>(epoch % static_cast<Epoch>(slots)); }
};

/// One rank's side. `Memory` has two operations:
///   bool wait(const Epoch* flag, Epoch least, int rank)  returns when *flag >= least, and nothing that follows happens
///                                            before that (acquire, for all devices); false if it gave up on that rank
///   void publish(Epoch* flag, Epoch value)   stores after everything before it, by whatever this thread has synchronised
///                                            with, is visible to all devices (release)
/// Every function that can fail says whether all went well; after a failure the exchange is void.
template <class Memory>
class Protocol {
 public:
  /// `flags` is by rank and outlives this.
  FVATTN_SLOTS_FUNCTION Protocol(const Shape& shape, int rank, const Flags* flags, Memory& memory)
      : shape_(shape), rank_(rank), flags_(flags), memory_(memory) {}

  /// May this rank write epoch into the peer's slot?
  FVATTN_SLOTS_FUNCTION bool before_write(int peer, Epoch epoch) {
    if (!shape_.entry || peer == rank_) return true;
    return memory_.wait(flags_[rank_].entered + peer, epoch, peer);
  }
  /// To be called by each writer when it has written all of its part.
  FVATTN_SLOTS_FUNCTION void after_write(int peer, int writer, Epoch epoch) {
    memory_.publish(flags_[peer].arrived + rank_ * shape_.writers + writer, epoch);
  }
  /// Is the own slot complete? `lanes` threads may share the question; all of them must have said yes.
  FVATTN_SLOTS_FUNCTION bool before_read(Epoch epoch, int lane = 0, int lanes = 1) {
    for (int i = lane; i < shape_.ranks * shape_.writers; i += lanes)
      if (!memory_.wait(flags_[rank_].arrived + i, epoch, i / shape_.writers)) return false;
    return true;
  }
  /// The slot that was read may be written again: by the epoch that uses it next.
  FVATTN_SLOTS_FUNCTION void after_read(Epoch epoch) {
    if (!shape_.entry) return;
    for (int i = 1; i < shape_.ranks; ++i)
      memory_.publish(flags_[(rank_ + i) % shape_.ranks].entered + rank_, epoch + static_cast<Epoch>(shape_.slots));
  }

 private:
  const Shape shape_;
  const int rank_;
  const Flags* const flags_;
  Memory& memory_;
};

}  // namespace fvattn::slots
