// Finding a backend by name, and saying why there is none.
#include "registry_state.hpp"

#include <fvattn/log.hpp>
#include <fvattn/nearest.hpp>

#include <algorithm>

namespace fvattn {
namespace {

// "id/NAME" split at the last slash; the id is empty for a bare name.
std::pair<std::string_view, std::string_view> split(std::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {{}, name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "no backend at all" : text;
}

}  // namespace

std::vector<std::shared_ptr<PluginRecord>> Registry::State::providers(std::string_view name) const {
  const auto [id, bare] = split(name);
  std::vector<std::shared_ptr<PluginRecord>> found;
  // An alias counts only where nobody has the name itself.
  for (const bool exact : {true, false}) {
    for (const auto& record : records)
      if (record->usable() && (id.empty() || record->info.id == id) && !record->offers(bare, exact).empty())
        found.push_back(record);
    if (!found.empty()) break;
  }
  std::stable_sort(found.begin(), found.end(), [bare = bare](const auto& a, const auto& b) {
    return a->priority(a->offers(bare, false)) > b->priority(b->offers(bare, false));
  });
  return found;
}

std::vector<std::string> Registry::State::backend_names() const {
  std::vector<std::string> names;
  for (const auto& record : records) {
    if (!record->usable()) continue;
    for (const std::string& name : record->info.backends)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

Result<const AttentionBackend*> Registry::State::find(std::string_view name) {
  const auto [id, bare] = split(name);
  const auto candidates = providers(name);
  if (id.empty() && candidates.size() > 1) {
    std::vector<std::string> ids;
    for (const auto& record : candidates) ids.push_back(record->info.id + "/" + record->offers(bare, false));
    log_once(LogLevel::warn, "load", "several " + joined(ids),
             "several plugins offer " + std::string(bare) + ", the first of these is used: " + joined(ids));
  }
  for (const auto& record : candidates) {
    if (record->info.state == PluginState::found) {
      ActivationContext context = activation();
      if (!activate(*record, context).ok()) {
        ++generation;  // and the trace tells; the next plugin that offers the name may serve
        continue;
      }
    }
    if (const PluginBackend* backend = record->backend(record->offers(bare, false))) return backend;
  }
  return nobody_offers(name);
}

Status Registry::State::nobody_offers(std::string_view name) const {
  const auto [id, bare] = split(name);
  std::string cause, places;
  std::vector<std::string> offering;  // paths of plugins that would offer it
  for (const auto& record : records) {
    const PluginInfo& info = record->info;
    if (!id.empty() && info.id != id) continue;
    const bool listed = !record->offers(bare, false).empty();
    const bool in_manifest = std::any_of(info.manifest.backends.begin(), info.manifest.backends.end(),
                                         [bare = bare](const auto& b) { return b.name == bare; });
    if (!listed && !in_manifest) continue;
    offering.push_back(info.path);
    cause += (cause.empty() ? "" : "; ") + ("plugin " + info.id) + (info.path.empty() ? "" : " (" + info.path + ")") +
             " is " + to_string(info.state) +
             (info.reason.empty() ? ", and its library does not offer the name" : ": " + info.reason);
  }
  if (cause.empty()) cause = id.empty() ? "no plugin offers it" : "no plugin with the id " + std::string(id) + " offers it";
  const auto& entries = trace.entries();
  for (size_t i = search_start; i < entries.size(); ++i) {
    const TraceEntry& entry = entries[i];
    const bool own = std::find(offering.begin(), offering.end(), entry.path) != offering.end() && !entry.path.empty();
    if (own || entry.stage == "search" || entry.verdict == TraceEntry::Verdict::refused)
      places += "\n  " + format_entry(entry);
  }
  const std::vector<std::string> names = backend_names();
  const std::string near = nearest_name(bare, names);
  return Status::error(
      Code::unavailable, "backend " + std::string(name) + " is not available: " + cause, {}, joined(names),
      (near.empty() || near == bare ? std::string() : "did you mean " + near + "? ") + "searched:" + places);
}

}  // namespace fvattn
