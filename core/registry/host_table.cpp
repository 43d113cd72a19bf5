// The host table: thunks, so that its providers can be set after plugins have got it.
#include <fvattn/log.hpp>
#include <fvattn/registry.hpp>

#include "error_buffer.hpp"
#include "host_threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>

namespace fvattn {
namespace {

constexpr uint64_t kLeastAlignment = 64;  // a cache line, and a vector of any CPU

/// Sets of providers are kept: another thread may be in the middle of a call through a former one.
struct Kept {
  HostProviders providers;
  const Kept* former;
};
std::atomic<const Kept*> in_force{nullptr};

const HostProviders& providers() {
  static const HostProviders none;
  const Kept* current = in_force.load(std::memory_order_acquire);
  return current != nullptr ? current->providers : none;
}

std::string_view view(fvattn_str text) { return text.p == nullptr ? std::string_view() : std::string_view(text.p, text.n); }

void host_log(void*, int32_t level, fvattn_str message) {
  log(static_cast<LogLevel>(std::clamp<int32_t>(level, FVATTN_LOG_TRACE, FVATTN_LOG_ERROR)), "plugin",
      printable(view(message), 4096));
}

const void* host_get_extension(void*, fvattn_str, uint32_t) { return nullptr; }

fvattn_status cpu_alloc(uint64_t bytes, uint64_t align, fvattn_buf* out, fvattn_error* err) {
  if ((align & (align - 1)) != 0)
    return fill_error(err, Code::invalid_argument,
                      "device_alloc: the alignment must be a power of two; got " + std::to_string(align));
  align = std::max(align, kLeastAlignment);
  const uint64_t rounded = (bytes + align - 1) / align * align;
  void* memory = rounded >= bytes && rounded <= PTRDIFF_MAX ? std::aligned_alloc(align, std::max(rounded, align)) : nullptr;
  if (memory == nullptr)
    return fill_error(err, Code::resource_exhausted, "device_alloc: no " + std::to_string(bytes) + " bytes of host memory",
                      FVATTN_ERROR_RETRYABLE);
  *out = {memory, bytes};
  return FVATTN_OK;
}

// CPU memory is always our own: it may be freed after a provider came.
fvattn_status host_device_alloc(void*, int32_t dev, void* stream, uint64_t bytes, uint64_t align, fvattn_buf* out,
                                fvattn_error* err) {
  if (out == nullptr) return fill_error(err, Code::invalid_argument, "device_alloc: out is NULL");
  *out = {nullptr, 0};
  if (dev < 0) return cpu_alloc(bytes, align, out, err);
  if (const auto provider = providers().device_alloc) return provider(dev, stream, bytes, align, out, err);
  return fill_error(
      err, Code::failed_precondition,
      "device_alloc: nobody serves CUDA memory; load libfvattn_torch, or set an allocator with set_host_providers()");
}

void host_device_free(void*, int32_t dev, void* stream, fvattn_buf buf) {
  if (dev < 0) return std::free(buf.p);
  if (const auto provider = providers().device_free) provider(dev, stream, buf);
}

// Ranges are for a profiler that a provider may bring; the log shows them meanwhile.
void host_range_push(void*, fvattn_str name) {
  if (log_enabled(LogLevel::trace, "plugin")) log(LogLevel::trace, "plugin", "range " + printable(view(name), 256));
}
void host_range_pop(void*) {}

void host_parallel_for(void*, int64_t n, int64_t grain, void (*fn)(void*, int64_t, int64_t), void* arg) {
  if (const auto provider = providers().parallel_for) return provider(n, grain, fn, arg);
  parallel_for_own_threads(n, grain, fn, arg);
}

void host_record_stream(void*, int32_t dev, fvattn_buf buf, void* stream) {
  if (const auto provider = providers().record_stream) provider(dev, buf, stream);
}

constexpr fvattn_host kHost = {sizeof(fvattn_host),
                               FVATTN_ABI_MAJOR,
                               FVATTN_ABI_MINOR,
                               0,
                               nullptr,
                               nullptr,
                               &host_log,
                               &host_get_extension,
                               &host_device_alloc,
                               &host_device_free,
                               &host_range_push,
                               &host_range_pop,
                               &host_parallel_for,
                               &host_record_stream};

}  // namespace

const fvattn_host* host_table() { return &kHost; }

void set_host_providers(const HostProviders& given) {
  auto* kept = new Kept{given, in_force.load(std::memory_order_acquire)};
  while (!in_force.compare_exchange_weak(kept->former, kept, std::memory_order_acq_rel)) {
  }
}

}  // namespace fvattn
