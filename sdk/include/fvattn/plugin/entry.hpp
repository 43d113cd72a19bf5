// The one exported function: agrees on the version and hands out the table.
#pragma once

#include <fvattn/plugin/backend.hpp>

/// What the plugin is built for, (major << 8) + minor. fvattn_add_plugin(... TARGET_ABI 1.0) sets it.
#if !defined(FVATTN_TARGET_VERSION)
#define FVATTN_TARGET_VERSION ((FVATTN_ABI_MAJOR << 8) + FVATTN_ABI_MINOR)
#endif
static_assert(FVATTN_TARGET_VERSION >> 8 == FVATTN_ABI_MAJOR && (FVATTN_TARGET_VERSION & 255) <= FVATTN_ABI_MINOR,
              "this SDK does not know the ABI version that TARGET_ABI asks for");

namespace fvattn::plugin::detail {

struct PluginInfo {
  const char *id, *version, *publisher, *build;
  int32_t cuda_runtime;
};

template <class... Classes>
const fvattn_plugin* enter(const fvattn_host* host, fvattn_error* err, const PluginInfo& info) noexcept {
  static_assert(sizeof...(Classes) > 0, "FVATTN_PLUGIN needs at least one backend class");
  const fvattn_plugin* result = nullptr;
  guard(err, [&] {
    constexpr size_t needed = offsetof(fvattn_host, record_stream) + sizeof host->record_stream;
    constexpr uint32_t minor = FVATTN_TARGET_VERSION & 255;
    const bool same_major = host && host->size >= needed && host->abi_major == FVATTN_ABI_MAJOR;
    if (!same_major || host->abi_minor + 1 <= minor)
      fail(FVATTN_FAILED_PRECONDITION,
           "the plugin needs fvattn's ABI %d.%u, the host has %u.%u; build it for an older TARGET_ABI or upgrade fvattn",
           FVATTN_ABI_MAJOR, minor, host ? host->abi_major : 0, host ? host->abi_minor : 0);
    host_pointer.store(host, std::memory_order_release);
    static const fvattn_plugin* const plugin = [&] {
      static const fvattn_backend* const backends[] = {Backend<Classes>::get()...};
      auto& p = *new fvattn_plugin{};
      p.size = sizeof p;
      p.abi_major = FVATTN_ABI_MAJOR;
      p.abi_minor = minor;
      p.id = str(info.id), p.version = str(info.version), p.publisher = str(info.publisher), p.build = str(info.build);
      p.cuda_runtime = info.cuda_runtime;
      p.min_driver = info.cuda_runtime / 1000 * 1000; // minor versions of one CUDA major are compatible
      p.backends = backends;
      p.n_backends = sizeof...(Classes);
      return &p;
    }();
    result = plugin;
  });
  return result;
}

}  // namespace fvattn::plugin::detail
