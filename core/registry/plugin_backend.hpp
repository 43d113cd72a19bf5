// The one adapter that turns a plugin's C table into the interfaces of attention_backend.hpp.
#pragma once

#include "plugin_session.hpp"
#include "plugin_table.hpp"

#include <fvattn/attention_backend.hpp>

#include <memory>
#include <string>

namespace fvattn {

/// Thread-safe. Lives as long as the process, as the code behind it does.
class PluginBackend final : public AttentionBackend {
 public:
  PluginBackend(BackendTable table, std::shared_ptr<PluginSession> session);

  const std::string& get_name() const override { return table_.name; }
  const std::string& qualified_name() const override { return qualified_name_; }
  const std::string& plugin_version() const override { return session_->version; }
  const std::string& plugin_path() const override { return session_->path; }
  const std::string& plugin_sha256() const override { return session_->sha256; }
  bool approximate() const override { return (table_.c.flags & FVATTN_BACKEND_APPROXIMATE) != 0; }
  bool has_backward() const override { return table_.c.backward != nullptr; }
  bool has_describe() const override { return table_.c.describe != nullptr; }
  const Schema& metadata_schema() const override { return table_.metadata; }
  const Schema& option_schema() const override { return table_.options; }
  const std::vector<TensorKey>& tensor_keys() const override { return table_.tensors; }

  Result<Support> query(const Device& device, const Problem& problem, const KeyValues& metadata) const override;
  Result<std::unique_ptr<AttentionImpl>> make_impl(const Device& device, const Problem& nominal, std::string_view prefix,
                                                   const KeyValues& options) const override;
  std::unique_ptr<AttentionMetadataBuilder> make_builder(const Device& device) const override;

  const fvattn_backend& table() const { return table_.c; }
  PluginSession& session() const { return *session_; }

 private:
  /// The plugin's own answer to what the schema allows.
  Result<Support> ask(const Device& device, const Problem& problem, const KeyValues& completed) const;

  BackendTable table_;
  std::shared_ptr<PluginSession> session_;
  std::string qualified_name_;
};

}  // namespace fvattn
