// What the host offers: log, CPU threads, device memory, profiler ranges.
#pragma once

#include <fvattn/plugin/tensor.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

namespace fvattn::plugin {

namespace detail {
inline std::atomic<const fvattn_host*> host_pointer{nullptr};
}

/// The table the plugin was entered with. Never null inside a backend's functions.
inline const fvattn_host& host() { return *detail::host_pointer.load(std::memory_order_acquire); }

/// level: FVATTN_LOG_*. The host adds the plugin's name.
__attribute__((format(printf, 2, 3))) inline void log(int32_t level, const char* format, ...) {
  va_list args;
  va_start(args, format);
  const std::string text = detail::vformat(format, args);
  va_end(args);
  host().log(host().ctx, level, str(text));
}

/// body(lo, hi) for disjoint ranges that cover [0, n), on the host's threads. Returns when all are done; the first
/// exception of a range is thrown here (the other ranges still run). `grain`: the least work worth a thread.
template <class Body>
void parallel_for(int64_t n, int64_t grain, Body&& body) {
  if (n <= 0) return;
  struct Shared {
    Body& body;
    std::mutex mutex;
    std::exception_ptr first{};
  } shared{body, {}, {}};
  const auto range = [](void* arg, int64_t lo, int64_t hi) {
    auto& s = *static_cast<Shared*>(arg);
    try {
      s.body(lo, hi);
    } catch (...) {
      const std::lock_guard lock(s.mutex);
      if (!s.first) s.first = std::current_exception();
    }
  };
  if (host().parallel_for)
    host().parallel_for(host().ctx, n, grain, range, &shared);
  else
    range(&shared, 0, n);
  if (shared.first) std::rethrow_exception(shared.first);
}

/// Memory from the host's allocator, freed when it goes out of scope, in the order of the stream.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(int32_t dev, void* stream, fvattn_buf buf) : buf_(buf), stream_(stream), dev_(dev) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer() { release(stream_); }

  template <class T = void>
  T* data() const {
    return static_cast<T*>(buf_.p);
  }
  uint64_t bytes() const { return buf_.bytes; }
  fvattn_buf c() const { return buf_; }
  /// Frees now, after the work on `stream` (metadata outlives the stream it was built on).
  void release(void* stream) noexcept {
    if (buf_.p) host().device_free(host().ctx, dev_, stream, buf_);
    buf_ = {};
  }

 private:
  void swap(DeviceBuffer& other) {
    std::swap(buf_, other.buf_);
    std::swap(stream_, other.stream_);
    std::swap(dev_, other.dev_);
  }

  fvattn_buf buf_{};
  void* stream_ = nullptr;
  int32_t dev_ = -1;
};

/// Stream-ordered memory for sizes that only the data decides; workspace is cheaper. dev: the device id, -1 on the CPU
/// (with a null stream). Throws RESOURCE_EXHAUSTED with the host's text.
inline DeviceBuffer device_alloc(int32_t dev, void* stream, uint64_t bytes, uint64_t align = 256) {
  char text[256] = {};
  fvattn_error err{};
  err.size = sizeof err;
  err.msg = text;
  err.msg_cap = sizeof text;
  fvattn_buf buf{};
  const fvattn_status status = host().device_alloc(host().ctx, dev, stream, bytes, align, &buf, &err);
  if (status != FVATTN_OK)
    throw Error(status,
                err.msg_len ? std::string(text, err.msg_len) : "the host could not give " + std::to_string(bytes) + " bytes",
                err.flags ? err.flags : uint32_t{FVATTN_ERROR_RETRYABLE}, err.native_code, err.domain);
  return DeviceBuffer(dev, stream, buf);
}

/// A named range in profilers (NVTX) while it lives.
class Range {
 public:
  explicit Range(std::string_view name) { host().range_push(host().ctx, str(name)); }
  ~Range() { host().range_pop(host().ctx); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace fvattn::plugin
