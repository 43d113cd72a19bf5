#include "plugin_record.hpp"

#include <algorithm>
#include <limits>

namespace fvattn {

std::string PluginRecord::offers(std::string_view name, bool exact) const {
  for (const std::string& backend : info.backends)
    if (backend == name) return backend;
  if (exact) return {};
  for (const BackendManifest& backend : info.manifest.backends)
    if (std::find(backend.aliases.begin(), backend.aliases.end(), name) != backend.aliases.end()) return backend.name;
  return {};
}

int PluginRecord::priority(std::string_view name) const {
  if (from_api()) return std::numeric_limits<int>::max();
  for (const BackendManifest& backend : info.manifest.backends)
    if (backend.name == name) return backend.priority;
  return 0;
}

const PluginBackend* PluginRecord::backend(std::string_view name) const {
  const auto found = std::find_if(backends.begin(), backends.end(),
                                  [&](const PluginBackend* candidate) { return candidate->get_name() == name; });
  return found == backends.end() ? nullptr : *found;
}

const char* to_string(PluginState state) {
  switch (state) {
    case PluginState::found:
      return "found";
    case PluginState::loaded:
      return "loaded";
    case PluginState::refused:
      return "refused";
    case PluginState::shadowed:
      return "shadowed";
    case PluginState::disabled:
      break;
  }
  return "disabled";
}

}  // namespace fvattn
