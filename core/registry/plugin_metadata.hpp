// Metadata of one step, built by a plugin's meta_build, and its builder.
#pragma once

#include "plugin_backend.hpp"

#include <fvattn/attention_backend.hpp>

namespace fvattn {

/// Keeps the values that the packed form points into.
class PluginMetadata final : public AttentionMetadata {
 public:
  PluginMetadata(const PluginBackend& backend, KeyValues values, void* stream)
      : backend_(backend), values_(std::move(values)), packed_(values_), stream_(stream) {}
  ~PluginMetadata() override;
  PluginMetadata(const PluginMetadata&) = delete;
  PluginMetadata& operator=(const PluginMetadata&) = delete;

  /// Lets the plugin build its handle, if it has any.
  Status build(const Device& device);

  const AttentionBackend& backend() const override { return backend_; }
  const KeyValues& values() const override { return values_; }
  fvattn_kvs packed() const override { return packed_.c(); }
  const void* handle() const override { return handle_; }

 private:
  const PluginBackend& backend_;
  const KeyValues values_;
  const PackedKeyValues packed_;
  void* stream_;
  const void* handle_ = nullptr;
};

/// Copies the device; builders are cheap.
class PluginMetadataBuilder final : public AttentionMetadataBuilder {
 public:
  PluginMetadataBuilder(const PluginBackend& backend, Device device) : backend_(backend), device_(std::move(device)) {}
  Result<std::shared_ptr<const AttentionMetadata>> build(const KeyValues& values, void* stream) override;

 private:
  const PluginBackend& backend_;
  Device device_;
};

}  // namespace fvattn
