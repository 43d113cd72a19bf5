// What the host table serves from torch once this library is loaded: CUDA memory, threads, stream bookkeeping.
#include "device_bridge.hpp"

#include <fvattn/registry.hpp>

#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/StreamGuard.h>

#include <algorithm>
#include <cstring>

namespace fvattn {
namespace {

constexpr uint64_t kTorchAlignment = 512;  // of the CUDA caching allocator

fvattn_status fail(fvattn_error* err, fvattn_status code, const char* text, uint32_t flags) {
  if (err == nullptr) return code;
  if (FVATTN_HAS(err, code)) err->code = code;
  if (FVATTN_HAS(err, flags)) err->flags = flags;
  if (FVATTN_HAS(err, msg_cap) && err->msg != nullptr && err->msg_cap > 0) {
    const size_t bytes = std::min(std::strlen(text), err->msg_cap - 1);
    std::memcpy(err->msg, text, bytes);
    err->msg[bytes] = '\0';
    err->msg_len = static_cast<uint32_t>(bytes);
  }
  return code;
}

fvattn_status device_alloc(int32_t dev, void* stream, uint64_t bytes, uint64_t align, fvattn_buf* out, fvattn_error* err) {
  if (align > kTorchAlignment || (align & (align - 1)) != 0)
    return fail(err, FVATTN_INVALID_ARGUMENT, "device_alloc: the alignment must be a power of two up to 512 on CUDA", 0);
  try {
    const c10::StreamGuard guard(torch_stream(static_cast<c10::DeviceIndex>(dev), stream));  // sets the device too
    *out = {c10::GetAllocator(c10::kCUDA)->raw_allocate(bytes), bytes};
    return FVATTN_OK;
  } catch (const c10::OutOfMemoryError& error) {
    return fail(err, FVATTN_RESOURCE_EXHAUSTED, error.what_without_backtrace(), FVATTN_ERROR_RETRYABLE);
  } catch (const std::exception& error) {
    return fail(err, FVATTN_INTERNAL, error.what(), 0);
  }
}

void record_stream(int32_t dev, fvattn_buf buf, void* stream) {
  if (dev < 0 || buf.p == nullptr) return;
  auto* allocator = c10::getDeviceAllocator(c10::kCUDA);
  c10::DataPtr pointer(buf.p, buf.p, allocator->raw_deleter(), c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(dev)));
  allocator->recordStream(pointer, torch_stream(static_cast<c10::DeviceIndex>(dev), stream));
  pointer.release_context();  // the plugin still owns it
}

// Freed after the work on `stream` and on the one that it was allocated for.
void device_free(int32_t dev, void* stream, fvattn_buf buf) {
  if (buf.p == nullptr) return;
  if (stream != nullptr) record_stream(dev, buf, stream);
  c10::GetAllocator(c10::kCUDA)->raw_deallocate(buf.p);
}

void parallel_for(int64_t n, int64_t grain, void (*fn)(void*, int64_t, int64_t), void* arg) {
  at::parallel_for(0, n, std::max<int64_t>(grain, 1), [fn, arg](int64_t lo, int64_t hi) { fn(arg, lo, hi); });
}

[[maybe_unused]] const bool provided = [] {
  set_host_providers({device_alloc, device_free, parallel_for, record_stream});
  return true;
}();

}  // namespace
}  // namespace fvattn
