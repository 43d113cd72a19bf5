// fvattn doctor: what this machine has, what was searched, what is wrong.
#include "cli/builtins.hpp"
#include "cli/doctor_checks.hpp"
#include "common/terminal.hpp"
#include "common/verb.hpp"

#include <fvattn/context.hpp>

#include <algorithm>
#include <iostream>
#include <unistd.h>

namespace fvattn::host {
namespace {

const char* mark_of(Check::Verdict verdict) {
  switch (verdict) {
    case Check::Verdict::ok: return "✓";
    case Check::Verdict::note: return "•";
    case Check::Verdict::bad: break;
  }
  return "✗";
}

const char* word_of(Check::Verdict verdict) {
  switch (verdict) {
    case Check::Verdict::ok: return "ok";
    case Check::Verdict::note: return "note";
    case Check::Verdict::bad: break;
  }
  return "bad";
}

void print_text(const std::vector<CheckGroup>& groups) {
  const bool colour = use_colour(STDOUT_FILENO);
  for (const CheckGroup& group : groups) {
    std::cout << group.title << '\n';
    for (const Check& check : group.checks) {
      const char* paint = !colour                                ? ""
                          : check.verdict == Check::Verdict::bad ? "\033[31m"
                          : check.verdict == Check::Verdict::ok  ? "\033[32m"
                                                                 : "";
      std::cout << "  " << paint << mark_of(check.verdict) << (*paint == '\0' ? "" : "\033[0m") << ' ' << check.text << '\n';
    }
  }
}

Json groups_json(const std::vector<CheckGroup>& groups) {
  Json json = Json::object();
  for (const CheckGroup& group : groups) {
    Json checks = Json::array();
    for (const Check& check : group.checks) checks.push_back({{"verdict", word_of(check.verdict)}, {"text", check.text}});
    json[group.title] = checks;
  }
  return json;
}

}  // namespace

int doctor_verb(int argc, const char* const* argv) {
  Verb verb("fvattn doctor",
            "What this machine has, which places were searched for plugins and with what result, what is wrong.",
            "fvattn doctor\n  FASTVIDEO_ATTENTION_PLUGIN_PATH=$PWD/build fvattn doctor --json");
  return verb.run(argc, argv, [&]() -> Status {
    Context& context = default_context();
    const std::vector<CheckGroup> groups = {
        check_program(), check_devices(), check_torch(), check_plugins(context), check_environment(*context.environment()),
        check_writing()};
    if (verb.json()) verb.print(groups_json(groups));
    else print_text(groups);
    int64_t bad = 0;
    for (const CheckGroup& group : groups)
      bad += std::count_if(group.checks.begin(), group.checks.end(),
                           [](const Check& check) { return check.verdict == Check::Verdict::bad; });
    if (bad == 0) return {};
    return Status::error(
        Code::failed_precondition,
        std::to_string(bad) + (bad == 1 ? " thing is wrong" : " things are wrong") + "; see the lines with ✗");
  });
}

}  // namespace fvattn::host
