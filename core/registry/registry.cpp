#include <fvattn/registry.hpp>

#include "registry_state.hpp"

namespace fvattn {

Registry::Registry(std::shared_ptr<const Environment> environment, const fvattn_host* host)
    : state_(std::make_unique<State>()) {
  state_->environment =
      environment != nullptr ? std::move(environment) : std::make_shared<const Environment>(Environment::from({}));
  state_->host = host != nullptr ? host : host_table();
}

Registry::~Registry() = default;

Status Registry::add(fvattn_plugin_entry_fn entry) {
  const std::lock_guard lock(state_->mutex);
  return state_->add(entry);
}

void Registry::rescan(std::shared_ptr<const Environment> environment) {
  const std::lock_guard lock(state_->mutex);
  if (environment != nullptr) state_->environment = std::move(environment);
  state_->search();
}

std::vector<PluginInfo> Registry::plugins() const {
  const std::lock_guard lock(state_->mutex);
  state_->ensure_searched();
  std::vector<PluginInfo> list;
  for (const auto& record : state_->records) list.push_back(record->info);
  return list;
}

std::vector<std::string> Registry::backend_names() const {
  const std::lock_guard lock(state_->mutex);
  state_->ensure_searched();
  return state_->backend_names();
}

Result<const AttentionBackend*> Registry::find(std::string_view name) {
  const std::lock_guard lock(state_->mutex);
  state_->ensure_searched();
  return state_->find(name);
}

std::vector<std::string> Registry::providers(std::string_view name) const {
  const std::lock_guard lock(state_->mutex);
  state_->ensure_searched();
  std::vector<std::string> ids;
  for (const auto& record : state_->providers(name)) ids.push_back(record->info.id);
  return ids;
}

std::vector<TraceEntry> Registry::trace() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trace.entries();
}

std::vector<TraceEntry> Registry::searched() const {
  const std::lock_guard lock(state_->mutex);
  state_->ensure_searched();
  std::vector<TraceEntry> folders;
  const std::vector<TraceEntry>& entries = state_->trace.entries();
  for (size_t i = state_->search_start; i < entries.size(); ++i)
    if (entries[i].stage == "search") folders.push_back(entries[i]);
  return folders;
}

uint64_t Registry::generation() const { return state_->generation.load(std::memory_order_acquire); }

}  // namespace fvattn
