// Flags in the memory of the CPU, for ranks that are threads or share memory.
#pragma once

#include "protocol.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace fvattn::slots {

class HostMemory {
 public:
  /// `stop`: where it is true, waits end.
  HostMemory(std::chrono::milliseconds limit, const std::atomic<bool>& stop) : limit_(limit), stop_(stop) {}

  bool wait(const Epoch* flag, Epoch least, int rank) {
    const auto end = std::chrono::steady_clock::now() + limit_;
    while (std::atomic_ref(*const_cast<Epoch*>(flag)).load(std::memory_order_acquire) < least) {
      if (stop_ || std::chrono::steady_clock::now() > end) {
        lost_ = rank;
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  }
  void publish(Epoch* flag, Epoch value) const { std::atomic_ref(*flag).store(value, std::memory_order_release); }
  /// The rank that was given up on; -1: none.
  int lost() const { return lost_; }

 private:
  const std::chrono::milliseconds limit_;
  const std::atomic<bool>& stop_;
  int lost_ = -1;
};

}  // namespace fvattn::slots
