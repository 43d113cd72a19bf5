// Ranks on the GPUs of one machine that store into each other's memory.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <memory>

namespace fvattn FVATTN_PUBLIC {

struct PeerOptions {
  int device = 0;  // this rank's GPU
  /// Ranks are threads of one process: tensors are written in place, with no copy. Ranks that are processes exchange CUDA
  /// IPC handles, and what arrives is copied out of a slot, once.
  bool shares_addresses = false;
  int writers = 64;  // thread blocks that store; on two H100 64 gave 351 GB/s each way, 32 338, 132 312
  CommunicatorOptions limits;
  /// The transport `ce`: copy engines move what goes to other GPUs, kernels only signal. It keeps multiprocessors free, but
  /// ranks tell each other before every exchange that they may be written. Copies that are queued behind a wait that gave
  /// up still run: after such an error no memory of an exchange may be used for anything else.
  bool copy_engines = false;
};

/// The transport `peer`, or `ce`, over a communicator of the same ranks, which carries handles and agreement and belongs to
/// it from then on. Collective. Opens libfvattn_peer.so beside libfvattn.so. An error on one rank is one on all: UNAVAILABLE
/// without that library or without a GPU, where GPUs cannot reach each other, and where CUDA IPC is not allowed.
Result<std::shared_ptr<Communicator>> make_peer_communicator(std::shared_ptr<Communicator> bootstrap,
                                                             const PeerOptions& options);

/// OK if this process could take part with that GPU, else why not. Not collective.
Status peer_support(int device);

}  // namespace fvattn
