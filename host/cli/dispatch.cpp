#include "cli/dispatch.hpp"

#include "cli/builtins.hpp"
#include "cli/external_verb.hpp"
#include "cli/help.hpp"
#include "common/exit_code.hpp"
#include "common/verb.hpp"

#include <fvattn/nearest.hpp>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <unistd.h>

namespace fvattn::host {
namespace {

int fail(const Status& status) {
  print_error("fvattn", status);
  return exit_code(status);
}

bool asks_for_help(std::string_view word) { return word == "--help" || word == "-h" || word == "help"; }

// The second words of a group such as "config"; empty if there is no such group.
std::vector<std::string> actions_of(const std::string& group) {
  std::vector<std::string> actions;
  for (const Builtin& builtin : builtins())
    if (const std::string name = builtin.name; name.starts_with(group + " "))
      actions.push_back(name.substr(group.size() + 1));
  return actions;
}

Status unknown_verb(const std::string& verb, const ExternalVerbs& external) {
  std::vector<std::string> known;
  for (const Builtin& builtin : builtins())
    known.push_back(std::string(builtin.name).substr(0, std::string(builtin.name).find(' ')));
  for (const auto& [name, where] : external.found) known.push_back(name);
  for (const std::string& refusal : external.refused) std::cerr << "fvattn: warning: " << refusal << '\n';
  const std::string near = nearest_name(verb, known);
  return Status::error(Code::invalid_argument, "there is no verb '" + verb + "'", {}, {},
                       near.empty() ? "fvattn help lists them" : "did you mean 'fvattn " + near + "'?");
}

int run_external(const std::string& verb, int argc, const char* const* argv) {
  const ExternalVerbs external = find_external_verbs(Environment::capture());
  const auto found = external.found.find(verb);
  if (found == external.found.end()) return fail(unknown_verb(verb, external));
  std::vector<char*> arguments{const_cast<char*>(found->second.path.c_str())};
  for (int i = 1; i < argc; ++i) arguments.push_back(const_cast<char*>(argv[i]));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  return fail(Status::error(Code::unavailable, "cannot start " + found->second.path, std::strerror(errno)));
}

int run_group(const std::string& group, const std::vector<std::string>& actions, int argc, const char* const* argv) {
  const std::string action = argc > 1 ? argv[1] : "";
  if (const Builtin* builtin = find_builtin(group + " " + action)) return builtin->run(argc - 1, argv + 1);
  if (asks_for_help(action)) {
    if (argc > 2 && find_builtin(group + " " + argv[2]) != nullptr) {
      const char* const help[] = {argv[2], "--help", nullptr};
      return find_builtin(group + " " + argv[2])->run(2, help);
    }
    print_group_help(std::cout, group);
    return kExitOk;
  }
  if (action.empty()) {
    print_group_help(std::cerr, group);
    return kExitUsage;
  }
  std::string accepted;
  for (const std::string& known : actions) accepted += (accepted.empty() ? "" : ", ") + known;
  const std::string near = nearest_name(action, actions);
  return fail(Status::error(Code::invalid_argument, "fvattn " + group + " does not know '" + action + "'", {}, accepted,
                            near.empty() ? std::string() : "did you mean 'fvattn " + group + " " + near + "'?"));
}

// argv[0] is the verb.
int run_verb(int argc, const char* const* argv) {
  const std::string verb = argv[0];
  if (const Builtin* builtin = find_builtin(verb)) return builtin->run(argc, argv);
  if (const std::vector<std::string> actions = actions_of(verb); !actions.empty())
    return run_group(verb, actions, argc, argv);
  return run_external(verb, argc, argv);
}

}  // namespace

int dispatch(int argc, const char* const* argv) {
  if (argc < 2) {
    print_help(std::cerr);
    return kExitUsage;
  }
  const std::string_view first = argv[1];
  if (first == "--version" || first == "-V") return version_verb(argc - 1, argv + 1);
  if (asks_for_help(first)) {
    if (argc == 2) {
      print_help(std::cout);
      return kExitOk;
    }
    // "help config show" is "config show --help".
    std::vector<const char*> words(argv + 2, argv + argc);
    words.push_back("--help");
    words.push_back(nullptr);
    return run_verb(static_cast<int>(words.size()) - 1, words.data());
  }
  if (first.starts_with('-'))
    return fail(Status::error(Code::invalid_argument, "the verb comes first", std::string(first), {},
                              "for example: fvattn list --json"));
  return run_verb(argc - 1, argv + 1);
}

}  // namespace fvattn::host
