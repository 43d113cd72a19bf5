#include "cli/help.hpp"

#include "cli/builtins.hpp"
#include "cli/external_verb.hpp"

#include <iomanip>

namespace fvattn::host {
namespace {

constexpr int kNameWidth = 16;

void print_line(std::ostream& out, const std::string& name, const std::string& text) {
  out << "  " << std::left << std::setw(kNameWidth) << name << text << '\n';
}

}  // namespace

void print_help(std::ostream& out) {
  out << "fvattn: attention for video diffusion transformers, with backends that are found at run time\n\n"
         "usage: fvattn VERB [ARGUMENTS]      (fvattn VERB --help, fvattn VERB --json)\n\n";
  for (const Builtin& builtin : builtins()) print_line(out, builtin.name, builtin.doc);
  const ExternalVerbs external = find_external_verbs(Environment::capture());
  if (!external.found.empty()) out << "\nprograms of their own:\n";
  for (const auto& [verb, where] : external.found) print_line(out, verb, where.path);
  for (const std::string& refusal : external.refused) out << "  " << refusal << '\n';
  out << "\nexit codes: 0 ok, 1 failed, 2 usage, 3 unavailable\n"
         "\nExample:\n  fvattn list\n  fvattn explain --shape 21x30x52 --heads 12 --dim 128 --dtype bfloat16\n"
         "  fvattn run --backend TORCH_SDPA --input in.safetensors --output out.safetensors\n";
}

void print_group_help(std::ostream& out, const std::string& group) {
  out << "usage: fvattn " << group << " ACTION [ARGUMENTS]\n\n";
  std::string example;
  for (const Builtin& builtin : builtins()) {
    const std::string name = builtin.name;
    if (!name.starts_with(group + " ")) continue;
    print_line(out, name.substr(group.size() + 1), builtin.doc);
    if (example.empty()) example = "fvattn " + name;
  }
  out << "\nExample:\n  " << example << " --help\n";
}

}  // namespace fvattn::host
