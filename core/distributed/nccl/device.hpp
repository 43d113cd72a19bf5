// What the nccl transport needs of the machine. CUDA and NCCL implement it in a library of their own (cuda/); tests run it
// on the CPU.
#pragma once

#include "plan.hpp"

#include <fvattn/status.hpp>

#include <chrono>
#include <string>

namespace fvattn::nccl {

/// One rank's end of a connected group. Used by one thread at a time, but for trouble() and stop().
class Device {
 public:
  virtual ~Device() = default;
  /// -1 or the number of the GPU: Exchange::device of what it moves.
  virtual int number() const = 0;
  /// Memory for what is packed, of at least that many bytes, at the same address until more is asked for. Waits for what was
  /// queued before if it has to move.
  virtual Result<std::byte*> staging(int64_t bytes) = 0;
  /// Queues the packs, one group of all messages and the unpacks on `stream`, and what is kept beside them. `operation` is
  /// for the words of trouble(); its messages have `limit` from when they begin to run.
  virtual Status run(const Plan& plan, const std::string& operation, std::chrono::milliseconds limit, void* stream) = 0;
  /// Why the group is of no more use; OK: it is. Does not wait for the stream.
  virtual Status trouble() const = 0;
  /// Ends what is queued, with that reason unless there is one.
  virtual void stop(const Status& reason) = 0;
};

}  // namespace fvattn::nccl
