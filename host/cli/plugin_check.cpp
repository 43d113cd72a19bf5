// fvattn plugin check: what the file says about itself, then loading it in a process of its own.
#include "cli/builtins.hpp"
#include "cli/child_process.hpp"
#include "common/paths.hpp"
#include "common/table.hpp"
#include "common/verb.hpp"

#include <registry/elf_file.hpp>
#include <registry/open_file.hpp>
#include <registry/requirements.hpp>

#include <cstring>
#include <filesystem>
#include <iostream>
#include <sstream>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;

struct Step {
  std::string name;
  bool passed;
  std::string detail;
};

void examine_file(const std::string& path, std::vector<Step>& steps) {
  const auto file = OpenFile::open(path);
  if (!file) return steps.push_back({"file", false, file.status().text()});
  const Result<ElfFile> elf = read_elf(**file);
  if (!elf) return steps.push_back({"elf", false, elf.status().text()});
  steps.push_back({"elf", true, machine_name(elf->machine) + ", needs " + joined(elf->needed)});
  Manifest manifest;
  if (elf->manifest) {
    Result<Manifest> parsed = parse_manifest(*elf->manifest, path);
    steps.push_back({"manifest", parsed.ok(), parsed ? parsed->id + " " + parsed->version : parsed.status().text()});
    if (parsed) manifest = std::move(*parsed);
  } else {
    steps.push_back({"manifest", false, "the file has no section .fvattn.manifest; build it with fvattn_add_plugin"});
  }
  const Refusal refusal = check_elf(*elf);
  steps.push_back(
      {"entry point", !refusal.any(), refusal.any() ? refusal.rule + " " + refusal.status.text() : manifest.entrypoint});
  for (const std::string& finding : audit_elf(*elf, manifest)) steps.push_back({"rules", false, finding});
}

// One JSON line a step; what is missing at the end is the step that died.
void load_in_child(const std::string& path, int timeout_s, std::vector<Step>& steps) {
  const std::string probe = (fs::path(libexec_directory()) / "plugin-probe").string();
  const Result<ChildResult> child = run_child({probe, path}, timeout_s);
  if (!child) return steps.push_back({"load", false, child.status().text()});
  std::istringstream lines(child->output);
  for (std::string line; std::getline(lines, line);) {
    const Result<Json> json = parse_json(line, "the probe");
    if (json && json->contains("step"))
      steps.push_back({json->value("step", ""), json->value("passed", false), json->value("detail", "")});
  }
  const std::string last = steps.empty() ? "start" : steps.back().name;
  if (child->timed_out)
    steps.push_back({"process", false, "no answer within " + std::to_string(timeout_s) + " s after step " + last});
  else if (child->signal != 0)
    steps.push_back({"process", false, std::string(strsignal(child->signal)) + " after step " + last});
  else if (child->exit_code != 0 && (steps.empty() || steps.back().passed))
    steps.push_back({"process", false, "exit code " + std::to_string(child->exit_code) + " after step " + last});
}

}  // namespace

int plugin_check_verb(int argc, const char* const* argv) {
  std::string path;
  int timeout_s = 30;
  Verb verb(
      "fvattn plugin check",
      "Examines a plugin file without loading it, then loads it and asks it about small problems in a process of its own.",
      "fvattn plugin check build/libfvattn_mine.so");
  verb.app().add_option("FILE", path, "The library, libfvattn_NAME.so")->required();
  verb.app()
      .add_option("--timeout", timeout_s, "Seconds until the loading process is ended")
      ->type_name("S")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  return verb.run(argc, argv, [&]() -> Status {
    std::error_code trouble;
    const std::string absolute = fs::absolute(path, trouble).string();
    std::vector<Step> steps;
    examine_file(absolute, steps);
    // A file that is no plugin by its own word is not loaded.
    if (steps.back().name != "file" && steps.back().name != "elf") load_in_child(absolute, timeout_s, steps);
    size_t failed = 0;
    Json list = Json::array();
    Table table({"check", "", "detail"});
    for (const Step& step : steps) {
      failed += !step.passed;
      list.push_back({{"check", step.name}, {"passed", step.passed}, {"detail", step.detail}});
      table.row({step.name, step.passed ? "passed" : "FAILED", step.detail});
    }
    if (verb.json()) verb.print({{"file", absolute}, {"checks", list}, {"failed", failed}});
    else table.print(std::cout);
    if (failed == 0) return {};
    return Status::error(Code::failed_precondition,
                         std::to_string(failed) + " of " + std::to_string(steps.size()) + " checks failed", absolute);
  });
}

}  // namespace fvattn::host
