// The process environment as a snapshot: read once, kept as data, never read again behind the user's back.
#pragma once

#include <fvattn/export.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// The names of environment variables that fvattn reads; all start with FASTVIDEO_ATTENTION_.
namespace env {
inline constexpr const char* kPrefix = "FASTVIDEO_ATTENTION_";
inline constexpr const char* kBackend = "FASTVIDEO_ATTENTION_BACKEND";
inline constexpr const char* kConfig = "FASTVIDEO_ATTENTION_CONFIG";
inline constexpr const char* kSettings = "FASTVIDEO_ATTENTION_SETTINGS";
inline constexpr const char* kPluginPath = "FASTVIDEO_ATTENTION_PLUGIN_PATH";
inline constexpr const char* kPluginFiles = "FASTVIDEO_ATTENTION_PLUGIN_FILES";
inline constexpr const char* kPluginsSelect = "FASTVIDEO_ATTENTION_PLUGINS_SELECT";
inline constexpr const char* kPluginsDisable = "FASTVIDEO_ATTENTION_PLUGINS_DISABLE";
inline constexpr const char* kPluginTrust = "FASTVIDEO_ATTENTION_PLUGIN_TRUST";
inline constexpr const char* kPluginEager = "FASTVIDEO_ATTENTION_PLUGIN_EAGER";
inline constexpr const char* kLog = "FASTVIDEO_ATTENTION_LOG";
inline constexpr const char* kLogFile = "FASTVIDEO_ATTENTION_LOG_FILE";
inline constexpr const char* kDistRank = "FASTVIDEO_ATTENTION_DIST_RANK";
inline constexpr const char* kDistSize = "FASTVIDEO_ATTENTION_DIST_SIZE";
inline constexpr const char* kDistLocalRank = "FASTVIDEO_ATTENTION_DIST_LOCAL_RANK";
inline constexpr const char* kDistAddress = "FASTVIDEO_ATTENTION_DIST_ADDRESS";
inline constexpr const char* kDistPort = "FASTVIDEO_ATTENTION_DIST_PORT";
inline constexpr const char* kDistTransport = "FASTVIDEO_ATTENTION_DIST_TRANSPORT";
inline constexpr const char* kDistTimeout = "FASTVIDEO_ATTENTION_DIST_TIMEOUT_S";
inline constexpr const char* kDistWarmUp = "FASTVIDEO_ATTENTION_DIST_WARM_UP_S";
}  // namespace env

/// One documented variable: for `doctor`, `config show` and docs.
struct EnvironmentVariable {
  const char* name;
  const char* values;
  const char* doc;
};
const std::vector<EnvironmentVariable>& known_environment_variables();

/// A variable with our prefix that nobody reads, and the one that was probably meant (empty: none is near).
struct UnknownVariable {
  std::string name, nearest;
};

/// Value type; reading it from several threads is safe.
class Environment {
 public:
  /// Reads FASTVIDEO_ATTENTION_*, XDG_{DATA,CONFIG,CACHE}_HOME, HOME, NO_COLOR, PATH, mpirun's and torchrun's ranks with
  /// secure_getenv, then load_settings(). In a set-user-id program the snapshot is empty and elevated() is true.
  static Environment capture();
  /// A snapshot made of `values`, for tests and embedding applications. Reads no file; call load_settings() for that.
  static Environment from(std::map<std::string, std::string> values);

  /// Adds what the settings file says beneath the variables: one that is set keeps its value. The file is
  /// FASTVIDEO_ATTENTION_SETTINGS, else $XDG_CONFIG_HOME/fvattn/config.toml (~/.config by default). A default file
  /// that does not exist is fine; every other trouble (unreadable, malformed, unknown key, wrong type) is in notes().
  void load_settings();

  /// The value, or nullptr when the variable is not set. Set but empty is "".
  const std::string* find(std::string_view name) const;
  std::string get(std::string_view name, std::string_view otherwise = {}) const;
  const std::map<std::string, std::string>& values() const { return values_; }
  /// Where a value came from: "environment", "program" (from()), "settings file PATH"; empty when it is not set.
  std::string source(std::string_view name) const;
  bool elevated() const { return elevated_; }
  /// Set variables with our prefix that nobody reads.
  std::vector<UnknownVariable> unknown() const;

  /// The settings file that was looked for (empty: no place to look) and whether it was read.
  const std::string& settings_path() const { return settings_path_; }
  bool settings_loaded() const { return settings_loaded_; }
  /// The settings file's plugin folders, absolute; searched after FASTVIDEO_ATTENTION_PLUGIN_PATH.
  const std::vector<std::string>& settings_plugin_folders() const { return plugin_folders_; }
  /// What is wrong with the settings file, one sentence each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::map<std::string, std::string> values_, sources_;
  std::vector<std::string> plugin_folders_, notes_;
  std::string settings_path_;
  bool settings_loaded_ = false, elevated_ = false;
};

/// "~" and "~/x" with the snapshot's HOME; anything else as it is.
std::string expand_home(std::string_view path, const Environment& environment);

}  // namespace fvattn
