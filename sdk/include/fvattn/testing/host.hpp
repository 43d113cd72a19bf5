// A host table in memory: what a plugin meets in a test.
#pragma once

#include <fvattn/testing/device.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace fvattn::testing {

/// Counts and remembers what the plugin asks for; one a process is enough (a plugin keeps the table for good).
class Host {
 public:
  static Host& get() {
    static Host* host = new Host; // plugins may call it at any time
    return *host;
  }
  const fvattn_host* c() const { return &table_; }

  std::atomic<int64_t> allocations{0}, live{0}, ranges{0}, parallel_calls{0};
  /// The n-th device_alloc from now fails (1: the next one); 0: none does.
  std::atomic<int64_t> fail_at{0};
  std::vector<std::string> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

 private:
  Host() {
    table_.size = sizeof table_;
    table_.abi_major = FVATTN_ABI_MAJOR;
    table_.abi_minor = FVATTN_ABI_MINOR;
    table_.ctx = this;
    table_.log = [](void* ctx, int32_t level, fvattn_str message) {
      Host& host = self(ctx);
      const std::lock_guard lock(host.mutex_);
      host.log_.emplace_back(message.p, message.n);
      if (level >= FVATTN_LOG_WARN) std::fprintf(stderr, "plugin: %.*s\n", static_cast<int>(message.n), message.p);
    };
    table_.get_extension = [](void*, fvattn_str, uint32_t) -> const void* { return nullptr; };
    table_.device_alloc = [](void* ctx, int32_t dev, void*, uint64_t bytes, uint64_t align, fvattn_buf* out,
                             fvattn_error* err) {
      Host& host = self(ctx);
      ++host.allocations;
      const bool fails = host.fail_at > 0 && --host.fail_at == 0;
      void* p = nullptr;
      const bool foreign = dev >= 0 && !on_gpu();
      if (foreign || fails || posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes ? bytes : 1) != 0) {
        const char* text = foreign ? "this host has no device memory" : "the test's allocator refuses this one";
        if (err && err->msg) {
          err->msg_len = static_cast<uint32_t>(std::strlen(text) < err->msg_cap ? std::strlen(text) : err->msg_cap);
          std::memcpy(err->msg, text, err->msg_len);
        }
        return fvattn_status{FVATTN_RESOURCE_EXHAUSTED};
      }
      std::memset(p, 0xFF, bytes); // NaN, as every tensor here
      ++host.live;
      *out = {p, bytes};
      return fvattn_status{FVATTN_OK};
    };
    table_.device_free = [](void* ctx, int32_t, void*, fvattn_buf buf) {
      --self(ctx).live;
      std::free(buf.p);
    };
    table_.range_push = [](void* ctx, fvattn_str) { ++self(ctx).ranges; };
    table_.range_pop = [](void* ctx) { --self(ctx).ranges; };
    // Two threads whenever there is work for two, so that a missing lock or a shared buffer shows.
    table_.parallel_for = [](void* ctx, int64_t n, int64_t grain, void (*fn)(void*, int64_t, int64_t), void* arg) {
      ++self(ctx).parallel_calls;
      if (n <= 0) return;
      const int64_t half = n > (grain > 1 ? grain : 1) ? n / 2 : 0;
      if (half == 0) return fn(arg, 0, n);
      std::thread other(fn, arg, half, n);
      fn(arg, 0, half);
      other.join();
    };
    table_.record_stream = [](void*, int32_t, fvattn_buf, void*) {};
  }
  static Host& self(void* ctx) { return *static_cast<Host*>(ctx); }

  fvattn_host table_{};
  std::mutex mutex_;
  std::vector<std::string> log_;
};

}  // namespace fvattn::testing
