#include "cli/builtins.hpp"

namespace fvattn::host {

const std::vector<Builtin>& builtins() {
  static const auto* table = new std::vector<Builtin>{
      {"list", "The backends that were found, with what they can do", list_verb},
      {"explain", "Which backend serves a problem, and why", explain_verb},
      {"doctor", "What this machine has, where plugins are searched, what is wrong", doctor_verb},
      {"config show", "Every setting with its value and where that came from", config_show_verb},
      {"config path", "The name of the settings file", config_path_verb},
      {"config init", "Write a settings file to start from", config_init_verb},
      {"plugin new", "A folder with a new backend that builds and passes its test", plugin_new_verb},
      {"plugin check", "Examine a plugin file, then load it in a process of its own", plugin_check_verb},
      {"version", "The version of the program and of the plugin interface", version_verb},
  };
  return *table;
}

const Builtin* find_builtin(std::string_view name) {
  for (const Builtin& builtin : builtins())
    if (name == builtin.name) return &builtin;
  return nullptr;
}

}  // namespace fvattn::host
