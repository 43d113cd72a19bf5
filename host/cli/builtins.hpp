// The verbs inside the program itself.
#pragma once

#include <string_view>
#include <vector>

namespace fvattn::host {

struct Builtin {
  const char* name;  // one word, or two: "config show"
  const char* doc;
  int (*run)(int argc, const char* const* argv);  // argv[0] is the verb
};

const std::vector<Builtin>& builtins();
const Builtin* find_builtin(std::string_view name);

int list_verb(int argc, const char* const* argv);
int explain_verb(int argc, const char* const* argv);
int doctor_verb(int argc, const char* const* argv);
int config_show_verb(int argc, const char* const* argv);
int config_path_verb(int argc, const char* const* argv);
int config_init_verb(int argc, const char* const* argv);
int plugin_new_verb(int argc, const char* const* argv);
int plugin_check_verb(int argc, const char* const* argv);
int version_verb(int argc, const char* const* argv);

}  // namespace fvattn::host
