// One tensor of an exchange as one all-to-all of bytes.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <ATen/core/Tensor.h>

#include <vector>

namespace fvattn::c10d_transport {

/// What one rank sends to and receives from all, the parts in rank order. Sends straight from the source and receives
/// straight into the target where their parts are adjacent in memory; else in a buffer.
class Message {
 public:
  /// The tensors of the message keep `exchange.owner`. Packs, if it must.
  Message(const Transfer& transfer, const Exchange& exchange, int rank, int size);

  at::Tensor send, receive;  // bytes
  std::vector<int64_t> send_sizes, receive_sizes;

  /// To be called when `receive` is complete.
  void unpack();
  /// Passes over the tensor besides the all-to-all.
  uint64_t copies() const { return static_cast<uint64_t>(packs_) + static_cast<uint64_t>(unpacks_); }

 private:
  Transfer transfer_;
  std::vector<Block> from_, to_;  // by rank: from it, to it
  at::TensorOptions options_;
  std::shared_ptr<const void> owner_;
  bool packs_ = false, unpacks_ = false;
};

}  // namespace fvattn::c10d_transport
