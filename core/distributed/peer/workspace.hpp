// The memory of all ranks as one rank sees it: everyone's flags, everyone's slots, and what everyone lends to its caller.
#pragma once

#include "device.hpp"

#include <fvattn/distributed/communicator.hpp>

namespace fvattn::peer {

/// Not thread-safe. Every function but the accessors is collective, and an error of one rank is one of all.
class Workspace {
 public:
  Workspace(Communicator& bootstrap, Device& device, int slots)
      : bootstrap_(bootstrap), device_(device), count_(slots) {}
  ~Workspace();

  Status make_flags(int writers);
  /// Slots of at least that many bytes; keeps those that are large enough. The streams of all ranks must be finished.
  Status grow_slots(int64_t bytes) { return grow(slots_, count_, bytes, "bytes of slots"); }
  /// The same for what is lent, of which there is one.
  Status grow_lent(int64_t bytes) { return grow(lent_, 1, bytes, "bytes to lend"); }

  /// Not collective: another rank may still write into the memory of this one, which is not given back then.
  void keep_for_ever();

  const slots::Flags& flags(int rank) const { return flags_[static_cast<size_t>(rank)]; }
  slots::Epoch* epoch() const { return epoch_; }
  /// The first slot of a rank; another lies slot_bytes() behind it.
  std::byte* slots(int rank) const { return slots_.blocks[static_cast<size_t>(rank)]; }
  int64_t slot_bytes() const { return slots_.bytes; }
  std::byte* lent(int rank) const { return lent_.blocks[static_cast<size_t>(rank)]; }
  int64_t lent_bytes() const { return lent_.bytes; }

 private:
  using Blocks = std::vector<std::byte*>;  // of each rank: own or opened
  struct Region {
    Blocks blocks;
    int64_t bytes = 0;  // of one of those that lie behind each other
  };
  Status grow(Region& region, int count, int64_t bytes, const char* what);
  Result<Blocks> share(int64_t bytes, const char* what);
  void drop(Blocks& blocks);

  Communicator& bootstrap_;
  Device& device_;
  const int count_;  // of slots
  Blocks control_;
  Region slots_, lent_;
  std::vector<slots::Flags> flags_;
  slots::Epoch* epoch_ = nullptr;
};

}  // namespace fvattn::peer
