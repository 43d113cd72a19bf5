// The peer transport's device on the CPU: threads are writers, shared memory is what others write.
#pragma once

#include "distributed/peer/copies.hpp"
#include "distributed/peer/device.hpp"
#include "distributed/slots/host_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace fvattn::test {

// ThreadSanitizer does not know that two addresses are the same memory: there everybody uses the owner's.
#ifdef __SANITIZE_THREAD__
inline constexpr bool kMapsAgain = false;
#else
inline constexpr bool kMapsAgain = true;
#endif

class HostDevice final : public peer::Device {
 public:
  using Pause = std::function<void()>;
  explicit HostDevice(Pause pause = [] {}) : pause_(std::move(pause)) {}

  // What a lost rank may still write is not released, but its name goes.
  ~HostDevice() override {
    for (const auto& [memory, name] : names_) shm_unlink(name.substr(0, name.find(' ')).c_str());
  }

  int number() const override { return -1; }
  Result<std::byte*> allocate(int64_t bytes) override {
    if (refuses) return Status::error(Code::resource_exhausted, "no memory for others");
    static std::atomic<int> count = 0;
    const std::string name = "/fvattn_test_" + std::to_string(getpid()) + "_" + std::to_string(count++);
    const int file = shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600);
    if (file < 0 || ftruncate(file, bytes) != 0) return Status::error(Code::internal, "no shared memory");
    std::byte* memory = map(file, bytes);
    names_[memory] = name + " " + std::to_string(bytes);
    if (!kMapsAgain) {
      static std::mutex mutex;
      const std::lock_guard lock(mutex);
      addresses()[names_[memory]] = memory;
    }
    return memory;
  }
  void release(std::byte* memory) override {
    shm_unlink(names_[memory].substr(0, names_[memory].find(' ')).c_str());
    names_.erase(memory);
    close(memory);
  }
  Result<std::string> handle_of(std::byte* memory) override { return names_.at(memory); }
  Result<std::byte*> open(const std::string& handle) override {
    if (!kMapsAgain) return addresses().at(handle);
    const int file = shm_open(handle.substr(0, handle.find(' ')).c_str(), O_RDWR, 0600);
    if (file < 0) return Status::error(Code::unavailable, "that memory cannot be opened", handle);
    return map(file, std::stoll(handle.substr(handle.find(' '))));
  }
  void close(std::byte* memory) override {
    if (!sizes_.contains(memory)) return;  // its owner's
    munmap(memory, static_cast<size_t>(sizes_[memory]));
    sizes_.erase(memory);
  }

  Status run(const peer::Work& work, void*) override {
    latest = work;
    return again();
  }
  /// What a replayed graph does: the same work, whatever the host knows.
  Status again() {
    slots::HostMemory memory(latest.limit, stopped_);
    if (latest.pushes.front().enters && !peer::enter(latest.pushes.front(), memory)) return gave_up(memory.lost());
    for (const peer::Push& push : latest.pushes) {
      if (latest.by_copy_engines && push.peer[0] != push.rank) {
        copy(push);
        peer::signal(push, 0, 1, memory);
        continue;
      }
      std::vector<std::thread> writers;
      for (int w = 0; w < push.shape.writers; ++w)
        writers.emplace_back([&, w] {
          pause_();
          peer::push_part(push, w, peer::OneThread(), memory);
        });
      for (std::thread& writer : writers) writer.join();
    }
    if (!peer::complete(latest.pushes.front(), peer::OneThread(), memory)) return gave_up(memory.lost());
    for (const peer::CopyOut& out : latest.copies)
      for (int w = 0; w < out.shape.writers; ++w) peer::copy_out_part(out, w, peer::OneThread());
    return {};
  }
  int lost() const override { return lost_; }
  void stop() override { stopped_ = true; }
  Status finish(void*) override { return {}; }

  bool refuses = false;
  peer::Work latest;

 private:
  static std::map<std::string, std::byte*>& addresses() {
    static auto* all = new std::map<std::string, std::byte*>;
    return *all;
  }
  std::byte* map(int file, int64_t bytes) {
    void* memory = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    sizes_[static_cast<std::byte*>(memory)] = bytes;
    return static_cast<std::byte*>(memory);
  }
  // What copy engines do, one row after the other.
  void copy(const peer::Push& push) {
    for (const peer::Copy2D& c : peer::copies_of(push)) {
      pause_();
      for (int64_t r = 0; r < c.height; ++r)
        std::memcpy(c.target + r * c.target_pitch, c.source + r * c.source_pitch, static_cast<size_t>(c.width));
    }
  }
  Status gave_up(int rank) {
    lost_ = rank;
    return Status::error(Code::unavailable, "gave up");
  }

  const Pause pause_;
  std::map<std::byte*, std::string> names_;
  std::map<std::byte*, int64_t> sizes_;
  std::atomic<int> lost_ = -1;
  std::atomic<bool> stopped_ = false;
};

}  // namespace fvattn::test
