// The transports in which every rank writes into the memory of the others: by stores, or by copy engines.
#pragma once

#include "device.hpp"

#include <fvattn/distributed/communicator.hpp>

namespace fvattn::peer {

struct Options {
  /// Ranks share an address space and see each other's tensors: they are written in place, with no copy. Otherwise what
  /// arrives lands in one of two slots and is copied out, once.
  bool shares_addresses = false;
  int writers = 1;  // of each rank
  CommunicatorOptions limits;
  bool copy_engines = false;  // the transport `ce`: one slot, and a word before each exchange
};

/// `bootstrap` connects the same ranks on the host: it carries handles and agreement, and belongs to this communicator from
/// now on. Collective; an error on one rank is an error on all.
Result<std::shared_ptr<Communicator>> make_communicator(std::shared_ptr<Communicator> bootstrap,
                                                        std::unique_ptr<Device> device, const Options& options);

}  // namespace fvattn::peer
