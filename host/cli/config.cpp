// fvattn config show | path | init: the effective settings and where each came from.
#include "cli/builtins.hpp"
#include "common/atomic_file.hpp"
#include "common/table.hpp"
#include "common/verb.hpp"

#include <fvattn/environment.hpp>
#include <fvattn/registry.hpp>

#include <filesystem>
#include <iostream>

namespace fvattn::host {
namespace {

constexpr const char* kSettingsText =
    R"(# Settings of fvattn. An environment variable of the same meaning wins; fvattn config show prints what is in force.

# The backend of every layer that allows it: NAME, id/NAME, A,B, prefer:NAME or auto.
# backend = "auto"

[plugins]
# Folders searched for plugins after FASTVIDEO_ATTENTION_PLUGIN_PATH.
# folders = ["~/fvattn-plugins"]
# Globs on plugin ids: only these, and not these.
# select = "*"
# disable = ""

[log]
# trace, debug, info, warn, error or off; for one topic: "warn,select=debug".
# levels = "warn"
# file = "~/fvattn-%p.log"
)";

void show_json(Verb& verb, const Environment& environment) {
  Json values = Json::array();
  for (const EnvironmentVariable& variable : known_environment_variables()) {
    const std::string* value = environment.find(variable.name);
    values.push_back({{"name", variable.name},
                      {"value", value == nullptr ? Json() : Json(*value)},
                      {"source", value == nullptr ? "default" : environment.source(variable.name)},
                      {"accepted", variable.values},
                      {"doc", variable.doc}});
  }
  Json folders = Json::array();
  for (const auto& [folder, source] : plugin_search_path(environment))
    folders.push_back({{"folder", folder}, {"source", source}});
  Json unknown = Json::array();
  for (const UnknownVariable& variable : environment.unknown())
    unknown.push_back({{"name", variable.name}, {"nearest", variable.nearest}});
  verb.print({{"values", values},
              {"plugin_folders", folders},
              {"settings_file", environment.settings_path()},
              {"settings_file_read", environment.settings_loaded()},
              {"unknown_variables", unknown},
              {"notes", environment.notes()}});
}

void show_text(const Environment& environment) {
  Table table({"setting", "value", "source"});
  for (const EnvironmentVariable& variable : known_environment_variables()) {
    const std::string* value = environment.find(variable.name);
    table.row({variable.name, value == nullptr ? "-" : "\"" + *value + "\"",
               value == nullptr ? "default" : environment.source(variable.name)});
  }
  table.print(std::cout);
  std::cout << "\nplugin folders, in order:\n";
  for (const auto& [folder, source] : plugin_search_path(environment))
    std::cout << "  " << folder << "  [" << source << "]\n";
  std::cout << "\nsettings file: "
            << (environment.settings_path().empty() ? "none (HOME is not set)" : environment.settings_path())
            << (environment.settings_loaded() ? "" : "  (not read)") << '\n';
  for (const std::string& note : environment.notes()) std::cout << "note: " << note << '\n';
  for (const UnknownVariable& variable : environment.unknown())
    std::cout << "note: " << variable.name << " is set, but nobody reads it"
              << (variable.nearest.empty() ? "" : "; did you mean " + variable.nearest + "?") << '\n';
}

Result<std::string> settings_file(const Environment& environment) {
  if (!environment.settings_path().empty()) return environment.settings_path();
  return Status::error(Code::unavailable, "there is no place for a settings file: HOME is not set", {}, {},
                       std::string("name one with ") + env::kSettings);
}

}  // namespace

int config_show_verb(int argc, const char* const* argv) {
  Verb verb("fvattn config show", "Every setting with its value and where that came from.", "fvattn config show --json");
  return verb.run(argc, argv, [&]() -> Status {
    const Environment environment = Environment::capture();
    if (verb.json()) show_json(verb, environment);
    else show_text(environment);
    return {};
  });
}

int config_path_verb(int argc, const char* const* argv) {
  Verb verb("fvattn config path", "The name of the settings file.", "$EDITOR $(fvattn config path)");
  return verb.run(argc, argv, [&]() -> Status {
    const Environment environment = Environment::capture();
    const Result<std::string> path = settings_file(environment);
    if (!path) return path.status();
    if (verb.json()) verb.print({{"path", *path}, {"read", environment.settings_loaded()}});
    else std::cout << *path << '\n';
    return {};
  });
}

int config_init_verb(int argc, const char* const* argv) {
  bool force = false;
  Verb verb("fvattn config init", "Writes a settings file to start from: every key, commented out.", "fvattn config init");
  verb.app().add_flag("--force", force, "Replace a file that is there");
  return verb.run(argc, argv, [&]() -> Status {
    const Result<std::string> path = settings_file(Environment::capture());
    if (!path) return path.status();
    std::error_code trouble;
    if (!force && std::filesystem::exists(*path, trouble))
      return Status::error(Code::failed_precondition, "the settings file is there already", *path, {},
                           "--force replaces it");
    std::filesystem::create_directories(std::filesystem::path(*path).parent_path(), trouble);
    if (Status written = write_file(*path, kSettingsText); !written.ok()) return written;
    if (verb.json()) verb.print({{"path", *path}});
    else std::cout << "wrote " << *path << '\n';
    return {};
  });
}

}  // namespace fvattn::host
