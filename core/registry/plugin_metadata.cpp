#include "plugin_metadata.hpp"

#include "plugin_call.hpp"

namespace fvattn {

int64_t AttentionMetadata::current_timestep() const {
  const auto found = values().find("current_timestep");
  if (found == values().end()) return 0;
  const auto* step = std::get_if<int64_t>(&found->second);
  return step != nullptr ? *step : 0;
}

std::map<std::string_view, const Value*> AttentionMetadata::as_dict(const std::set<std::string, std::less<>>& skip) const {
  std::map<std::string_view, const Value*> views;
  for (const auto& [name, value] : values())
    if (skip.find(name) == skip.end()) views.emplace(name, &value);
  return views;
}

Status PluginMetadata::build(const Device& device) {
  const fvattn_backend& table = backend_.table();
  if (table.meta_build == nullptr) return {};
  return call_plugin(backend_.session(), backend_.qualified_name(), "meta_build", table.meta_build, table.ctx, &device.c,
                     packed_.c(), stream_, &handle_);
}

PluginMetadata::~PluginMetadata() {
  const auto free = backend_.table().meta_free;
  if (handle_ != nullptr && free != nullptr) call_plugin_void("meta_free", free, handle_, stream_);
}

Result<std::shared_ptr<const AttentionMetadata>> PluginMetadataBuilder::build(const KeyValues& values, void* stream) {
  Result<KeyValues> completed = backend_.metadata_schema().complete(values, backend_.qualified_name() + " metadata");
  if (!completed) return completed.status();
  auto metadata = std::make_shared<PluginMetadata>(backend_, std::move(*completed), stream);
  if (Status status = metadata->build(device_); !status.ok()) return status;
  return std::shared_ptr<const AttentionMetadata>(std::move(metadata));
}

}  // namespace fvattn
