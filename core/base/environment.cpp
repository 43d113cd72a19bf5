#include <fvattn/environment.hpp>

#include <fvattn/nearest.hpp>

#include <algorithm>
#include <cstdlib>
#include <sys/auxv.h>
#include <unistd.h>

namespace fvattn {
namespace {

constexpr const char* kForeignVariables[] = {
    "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME", "NO_COLOR", "PATH",
    "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"};

bool has_prefix(std::string_view name) { return name.starts_with(env::kPrefix); }

}  // namespace

const std::vector<EnvironmentVariable>& known_environment_variables() {
  static const auto* variables = new std::vector<EnvironmentVariable>{
      {env::kBackend, "NAME | id/NAME | A,B | prefer:NAME | auto",
       "The attention backend of every layer that allows it. A,B: in this order, only these. prefer: if it can serve."},
      {env::kConfig, "file", "JSON file of the sliding tile attention's mask strategy."},
      {env::kSettings, "file", "The settings file, instead of $XDG_CONFIG_HOME/fvattn/config.toml."},
      {env::kPluginPath, "folder[:folder...]", "Folders searched for plugins before all others."},
      {env::kPluginFiles, "file[:file...]", "Exactly these plugin files; no folder is searched."},
      {env::kPluginsSelect, "glob[,glob...]", "Only plugins whose id matches are used."},
      {env::kPluginsDisable, "glob[,glob...]", "Plugins whose id matches are not used; wins over the selection."},
      {env::kPluginTrust, "locked | core | system | user | any", "Whose plugin files are loaded; user is the default."},
      {env::kPluginEager, "0 | 1", "1 loads every plugin at start."},
      {env::kLog, "LEVEL[,TOPIC=LEVEL...]",
       "Levels trace, debug, info, warn, error, off; topics search, manifest, load, select, layer, dist, plugin."},
      {env::kLogFile, "file", "Log there instead of standard error; %p is the process id, %r the rank."},
      {env::kDistRank, "0 ...", "Set by fvattn launch for ranks with a GPU, with the next four: the rank of the process."},
      {env::kDistSize, "1 ...", "The number of ranks."},
      {env::kDistLocalRank, "0 ...", "The rank among those of this machine: the number of its GPU."},
      {env::kDistAddress, "host", "Where the ranks meet."},
      {env::kDistPort, "1 to 65535", "The port there."},
      {env::kDistTransport, "auto, peer, c10d, ...", "How ranks of a process group exchange tensors; auto by default."},
      {env::kDistTimeout, "seconds", "How long a rank waits for the others in one operation; 30 by default."},
      {env::kDistWarmUp, "seconds", "The same for the first operation; 600 by default."},
  };
  return *variables;
}

Environment Environment::capture() {
  Environment snapshot;
  // The kernel's word, which secure_getenv follows too.
  snapshot.elevated_ = getauxval(AT_SECURE) != 0;
  if (snapshot.elevated_) return snapshot;
  const auto keep = [&](const char* name) {
    if (const char* value = secure_getenv(name)) {
      snapshot.values_.emplace(name, value);
      snapshot.sources_.emplace(name, "environment");
    }
  };
  for (const char* name : kForeignVariables) keep(name);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos && has_prefix(text)) keep(std::string(text.substr(0, equals)).c_str());
  }
  snapshot.load_settings();
  return snapshot;
}

Environment Environment::from(std::map<std::string, std::string> values) {
  Environment snapshot;
  for (const auto& [name, value] : values) snapshot.sources_.emplace(name, "program");
  snapshot.values_ = std::move(values);
  return snapshot;
}

const std::string* Environment::find(std::string_view name) const {
  const auto found = values_.find(std::string(name));
  return found == values_.end() ? nullptr : &found->second;
}

std::string Environment::get(std::string_view name, std::string_view otherwise) const {
  const std::string* value = find(name);
  return value != nullptr ? *value : std::string(otherwise);
}

std::string Environment::source(std::string_view name) const {
  const auto found = sources_.find(std::string(name));
  return found == sources_.end() ? std::string() : found->second;
}

std::vector<UnknownVariable> Environment::unknown() const {
  std::vector<std::string> names;
  for (const EnvironmentVariable& variable : known_environment_variables()) names.emplace_back(variable.name);
  std::vector<UnknownVariable> unknown;
  for (const auto& [name, value] : values_) {
    if (!has_prefix(name) || std::find(names.begin(), names.end(), name) != names.end()) continue;
    // Only the part behind the common prefix says what was meant.
    const std::string_view prefix = env::kPrefix;
    std::vector<std::string> tails;
    for (const std::string& known : names) tails.push_back(known.substr(prefix.size()));
    const std::string near = nearest_name(std::string_view(name).substr(prefix.size()), tails);
    unknown.push_back({name, near.empty() ? std::string() : std::string(prefix) + near});
  }
  return unknown;
}

std::string expand_home(std::string_view path, const Environment& environment) {
  const bool home = path == "~" || path.starts_with("~/");
  const std::string* folder = home ? environment.find("HOME") : nullptr;
  return folder == nullptr ? std::string(path) : *folder + std::string(path.substr(1));
}

}  // namespace fvattn
