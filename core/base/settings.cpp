// The settings file: a few TOML keys, each beneath the variable of the same meaning.
#include <fvattn/environment.hpp>
#include <fvattn/nearest.hpp>

#include "toml_text.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fvattn {
namespace {

struct Key {
  const char *table, *name, *variable;
};
// How far plugin files are trusted is not here: a file in the user's home must not be able to loosen it.
constexpr Key kKeys[] = {
    {"", "backend", env::kBackend},
    {"plugins", "select", env::kPluginsSelect},
    {"plugins", "disable", env::kPluginsDisable},
    {"log", "levels", env::kLog},
    {"log", "file", env::kLogFile},
};
constexpr const char* kFolders = "folders";  // of [plugins]; a list, no variable has its meaning

std::vector<std::string> names_in(std::string_view table) {
  std::vector<std::string> names;
  for (const Key& key : kKeys)
    if (table == key.table) names.emplace_back(key.name);
  if (table == "plugins") names.emplace_back(kFolders);
  if (table.empty()) names.insert(names.end(), {"plugins", "log"});
  return names;
}

std::string unknown_key(std::string_view table, std::string_view name) {
  const std::string full = table.empty() ? std::string(name) : std::string(table) + "." + std::string(name);
  const std::string near = nearest_name(name, names_in(table));
  std::string note = "key '" + full + "' is unknown and has no effect; ";
  if (!near.empty()) return note + "did you mean '" + near + "'?";
  note += "known here:";
  for (const std::string& known : names_in(table)) note += " " + known;
  return note;
}

std::string default_path(const Environment& environment) {
  if (const std::string* config = environment.find("XDG_CONFIG_HOME"); config != nullptr && config->starts_with('/'))
    return *config + "/fvattn/config.toml";
  const std::string* home = environment.find("HOME");
  return home != nullptr && home->starts_with('/') ? *home + "/.config/fvattn/config.toml" : std::string();
}

}  // namespace

void Environment::load_settings() {
  if (elevated_) return;
  const std::string* named = find(env::kSettings);
  const bool chosen = named != nullptr && !named->empty();
  settings_path_ = chosen ? expand_home(*named, *this) : default_path(*this);
  std::error_code trouble;
  if (settings_path_.empty()) return;
  if (!std::filesystem::is_regular_file(settings_path_, trouble)) {
    const bool there = std::filesystem::exists(settings_path_, trouble);
    if (chosen || there) notes_.push_back("settings file " + settings_path_ + (there ? " is not a file" : " does not exist"));
    return;
  }
  std::ifstream file(settings_path_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto refuse = [&](int64_t line, std::string_view why) {
    notes_.push_back("settings file " + settings_path_ + ":" + std::to_string(line) + " is not TOML and is not used: " + std::string(why));
  };
  if (const size_t stray = stray_non_ascii(text); stray != std::string::npos)
    return refuse(1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(stray), '\n'), "a letter outside ASCII outside of a string");
  const toml::parse_result parsed = toml::parse(text, settings_path_);
  if (!parsed) return refuse(parsed.error().source().begin.line, parsed.error().description());
  settings_loaded_ = true;
  const auto note = [&](const std::string& text) { notes_.push_back("settings file " + settings_path_ + ": " + text); };

  const auto read_folders = [&](const toml::node& node) {
    const toml::array* list = node.as_array();
    if (list == nullptr) return note("plugins.folders must be a list of folders");
    for (const toml::node& item : *list) {
      const auto text = item.value<std::string>();
      const std::string folder = text ? expand_home(*text, *this) : std::string();
      if (folder.starts_with('/')) plugin_folders_.push_back(folder);
      else note("plugins.folders takes absolute folders (or ~/...); an entry" + (text ? " '" + *text + "'" : std::string()) + " has no effect");
    }
  };
  const auto read_table = [&](std::string_view table, const toml::table& values) {
    for (const auto& [toml_key, node] : values) {
      const std::string_view name = toml_key.str();
      if (table == "plugins" && name == kFolders) {
        read_folders(node);
        continue;
      }
      if (table.empty() && (name == "plugins" || name == "log") && node.is_table()) continue;
      const Key* key = nullptr;
      for (const Key& candidate : kKeys)
        if (table == candidate.table && name == candidate.name) key = &candidate;
      if (key == nullptr) {
        const bool is_table_name = table.empty() && (name == "plugins" || name == "log");
        note(is_table_name ? "'" + std::string(name) + "' must be a table" : unknown_key(table, name));
        continue;
      }
      const std::string* text = node.is_string() ? &node.as_string()->get() : nullptr;
      if (text == nullptr) {
        note("key '" + std::string(name) + "' must be a string");
        continue;
      }
      if (values_.emplace(key->variable, *text).second) sources_[key->variable] = "settings file " + settings_path_;
    }
  };
  read_table("", *parsed.table().as_table());
  for (const char* table : {"plugins", "log"})
    if (const toml::table* values = parsed.table()[table].as_table()) read_table(table, *values);
}

}  // namespace fvattn
