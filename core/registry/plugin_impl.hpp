// One layer's instance of a plugin's backend.
#pragma once

#include "plugin_backend.hpp"

#include <fvattn/attention_backend.hpp>

#include <memory>
#include <string>

namespace fvattn {

/// Plans keep the plugin's object alive: they may outlive this one in a cache.
class PluginImpl final : public AttentionImpl {
 public:
  PluginImpl(const PluginBackend& backend, std::string prefix);

  /// Before anything else, once.
  Status create(const Device& device, const Problem& nominal, const KeyValues& options);

  const AttentionBackend& backend() const override { return backend_; }
  Result<AttentionPlan> plan(const Problem& problem, const AttentionMetadata* metadata) override;
  Status preprocess_qkv(const fvattn_call& call) override;
  Status forward(const fvattn_call& call) override;
  Status postprocess_output(const fvattn_call& call) override;
  Status backward(const fvattn_call& call) override;
  Status describe(const fvattn_call& call) override;

 private:
  using Stage = fvattn_status (*)(void* impl, const fvattn_call* call, fvattn_error* err);
  Status run(const char* name, Stage stage, const fvattn_call& call);

  const PluginBackend& backend_;
  std::string prefix_, who_;        // who_ names the backend and the layer in messages
  std::shared_ptr<void> instance_;  // destroyed by the plugin
};

}  // namespace fvattn
