// One way to lay out workspace, used by plan to measure and by the call to carve.
#pragma once

#include <fvattn/plugin/error.hpp>

#include <cstdint>

namespace fvattn::plugin {

/// Default-constructed it measures: take() gives null and bytes() what a plan should ask for. Made from a call's buffer
/// it carves the same layout out of it. Write one function that takes from a Workspace& and call it in both places.
class Workspace {
 public:
  static constexpr uint64_t kAlign = 256;

  Workspace() = default;
  explicit Workspace(fvattn_buf buf) : base_(static_cast<char*>(buf.p)), room_(buf.bytes), measuring_(false) {}

  /// `count` elements of T, aligned to `align` bytes (a power of two). INTERNAL when the plan asked for too little.
  template <class T>
  T* take(int64_t count, uint64_t align = kAlign) {
    if (count < 0) fail(FVATTN_INTERNAL, "a workspace of %lld elements", static_cast<long long>(count));
    const auto base = reinterpret_cast<uintptr_t>(base_);
    const uint64_t at = ((base + used_ + align - 1) & ~(align - 1)) - base;
    used_ = at + static_cast<uint64_t>(count) * sizeof(T);
    if (measuring_) return nullptr;
    if (used_ > room_)
      fail(FVATTN_INTERNAL, "the call needs %llu bytes of workspace, its plan asked for %llu",
           static_cast<unsigned long long>(used_), static_cast<unsigned long long>(room_));
    return reinterpret_cast<T*>(base_ + at);
  }
  uint64_t bytes() const { return used_; }

 private:
  char* base_ = nullptr;
  uint64_t room_ = 0, used_ = 0;
  bool measuring_ = true;
};

}  // namespace fvattn::plugin
