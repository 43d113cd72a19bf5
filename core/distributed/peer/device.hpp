// What the peer transport needs of the machine: memory that others can write, and running its jobs. CUDA implements it in
// a library of its own (cuda/); tests run it on the CPU.
#pragma once

#include "push.hpp"

#include <fvattn/status.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace fvattn::peer {

/// One exchange, ready to run: enter() where the first push says so, the pushes in any order, complete(), the copy-outs.
struct Work {
  std::vector<Push> pushes;
  std::vector<CopyOut> copies;
  std::chrono::milliseconds limit{0};  // of each wait
  /// Pushes to others are copies_of() followed by signal(), those to the rank itself as ever.
  bool by_copy_engines = false;
};

/// One rank's end. Used by one thread at a time, but for release().
class Device {
 public:
  virtual ~Device() = default;
  /// -1 or the number of the GPU: Exchange::device of what it moves.
  virtual int number() const = 0;
  /// Zeroed memory that other ranks can write, by handle.
  virtual Result<std::byte*> allocate(int64_t bytes) = 0;
  virtual void release(std::byte* memory) = 0;
  /// The handle of allocated memory as text, and the memory of another rank's handle. Opened memory is closed by close().
  virtual Result<std::string> handle_of(std::byte* memory) = 0;
  virtual Result<std::byte*> open(const std::string& handle) = 0;
  virtual void close(std::byte* memory) = 0;

  /// Before ranks agree on an exchange on `stream`: what its first use needs.
  virtual Status prepare(void* /*stream*/) { return {}; }
  /// Runs the work, or queues it on `stream`. A wait that ends at its limit is an error here or of a later trouble().
  virtual Status run(const Work& work, void* stream) = 0;
  /// The rank that a wait gave up on, since ever; -1: none so far. Does not wait for the stream.
  virtual int lost() const = 0;
  /// Waits end at once from now on.
  virtual void stop() = 0;
  /// Waits until all that was queued on `stream` has run.
  virtual Status finish(void* stream) = 0;
};

}  // namespace fvattn::peer
