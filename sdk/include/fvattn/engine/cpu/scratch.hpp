// Memory of one thread for the tiles it works on: a few hundred KiB, kept and reused until the thread ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace fvattn::engine::cpu {

/// Carves aligned arrays out of this thread's buffer. One Scratch lives at a time in a thread. Throws std::bad_alloc.
class Scratch {
 public:
  static constexpr std::size_t kAlign = 64;  // a cache line and the widest vector

  explicit Scratch(std::size_t bytes) {
    Buffer& mine = buffer();
    if (mine.bytes < bytes) {
      mine.memory.reset();  // not both at once
      mine.bytes = 0;
      mine.memory.reset(new (std::align_val_t{kAlign}) std::byte[bytes]);
      mine.bytes = bytes;
    }
    next_ = mine.memory.get();
  }

  template <class T>
  T* take(std::size_t count) {
    auto* const first = reinterpret_cast<T*>(next_);
    next_ += bytes_of<T>(count);
    return first;
  }
  template <class T>
  static constexpr std::size_t bytes_of(std::size_t count) {
    return (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{kAlign}); }
  };
  struct Buffer {
    std::unique_ptr<std::byte[], Free> memory;
    std::size_t bytes = 0;
  };
  static Buffer& buffer() {
    static thread_local Buffer mine;
    return mine;
  }

  std::byte* next_;
};

}  // namespace fvattn::engine::cpu
