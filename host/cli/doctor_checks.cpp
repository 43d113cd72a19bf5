#include "cli/doctor_checks.hpp"

#include "common/atomic_file.hpp"
#include "common/paths.hpp"
#include "common/table.hpp"

#include <fvattn/version.hpp>

#include <registry/elf_file.hpp>
#include <registry/libtorch.hpp>
#include <registry/open_file.hpp>

#include <filesystem>
#include <unistd.h>

namespace fvattn::host {
namespace {

namespace fs = std::filesystem;
using Verdict = Check::Verdict;

std::string device_text(const Device& device) {
  return device.name + ", compute capability " + std::to_string(device.c.cc_major) + "." +
         std::to_string(device.c.cc_minor) + ", " + std::to_string(device.c.sm_count) + " SMs, " +
         bytes_text(static_cast<double>(device.c.mem_bytes));
}

Verdict verdict_of(TraceEntry::Verdict verdict) {
  switch (verdict) {
    case TraceEntry::Verdict::ok: return Verdict::ok;
    case TraceEntry::Verdict::note: return Verdict::note;
    case TraceEntry::Verdict::refused: break;
  }
  return Verdict::bad;
}

Check write_check(const std::string& folder) {
  const fs::path file = fs::path(folder) / (".fvattn-doctor-" + std::to_string(getpid()));
  const Status status = write_file(file.string(), "fvattn doctor");
  std::error_code ignored;
  fs::remove(file, ignored);
  if (!status.ok()) return {Verdict::bad, folder + ": " + status.text()};
  const fs::space_info space = fs::space(folder, ignored);
  return {Verdict::ok,
          folder + ": writable" + (ignored ? "" : ", " + bytes_text(static_cast<double>(space.available)) + " free")};
}

}  // namespace

CheckGroup check_program() {
  CheckGroup group{"program", {{Verdict::ok, std::string("fvattn ") + version() + " at " + executable_path()}}};
  const std::string libexec = libexec_directory();
  group.checks.push_back({libexec.empty() ? Verdict::note : Verdict::ok,
                          libexec.empty() ? "no folder libexec/fvattn: only the built-in verbs" : "verbs in " + libexec});
  return group;
}

CheckGroup check_devices() {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  CheckGroup group{"devices",
                   {{Verdict::ok, "cpu: " + std::to_string(cores) + " cores, " +
                                      bytes_text(static_cast<double>(cpu_device().c.mem_bytes))}}};
  if (const int driver = cuda_driver_version(); driver > 0)
    group.checks.push_back(
        {Verdict::ok, "CUDA driver " + std::to_string(driver / 1000) + "." + std::to_string(driver % 1000 / 10)});
  const int count = cuda_device_count();
  // Asking for the first one says why there is none.
  if (count == 0) group.checks.push_back({Verdict::note, cuda_device(0).status().text()});
  for (int i = 0; i < count; ++i) {
    const Result<const Device*> device = cuda_device(i);
    group.checks.push_back(device ? Check{Verdict::ok, "cuda:" + std::to_string(i) + ": " + device_text(**device)}
                                  : Check{Verdict::bad, device.status().text()});
  }
  return group;
}

CheckGroup check_torch() {
  CheckGroup group{"torch", {}};
  const fs::path layers = fs::path(libexec_directory()) / "fvattn-run";
  const auto file = OpenFile::open(layers.string());
  const auto elf = file ? read_elf(**file) : Result<ElfFile>(file.status());
  if (!elf) {
    group.checks.push_back({Verdict::note, "the verbs that need LibTorch (run, denoise) are not installed"});
    return group;
  }
  Libtorch torch = find_libtorch(*elf, layers.string());
  if (torch.path.empty()) {
    group.checks.push_back({Verdict::bad, "LibTorch was not found for fvattn-run; looked in " + joined(torch.tried, ", ")});
    return group;
  }
  describe_libtorch(torch);
  group.checks.push_back(
      {Verdict::ok, "LibTorch " + (torch.version.empty() ? "of unknown version" : torch.version) + " at " + torch.path});
  if (torch.cxx11_abi && !*torch.cxx11_abi) group.checks.push_back({Verdict::bad, "this LibTorch has the old C++ ABI"});
  return group;
}

CheckGroup check_plugins(Context& context) {
  CheckGroup group{"plugins", {}};
  size_t usable = 0;
  const std::vector<PluginInfo> plugins = context.registry().plugins();
  for (const PluginInfo& plugin : plugins)
    usable += plugin.state == PluginState::found || plugin.state == PluginState::loaded;
  for (const TraceEntry& step : context.registry().trace()) {
    std::string text = step.stage + " " + step.path + (step.reason.empty() ? "" : ": " + step.reason);
    if (!step.rule.empty()) text += " (" + step.rule + ")";
    if (!step.hint.empty()) text += "; " + step.hint;
    group.checks.push_back({verdict_of(step.verdict), text});
  }
  group.checks.push_back({usable > 0 ? Verdict::ok : Verdict::bad,
                          std::to_string(usable) + " of " + std::to_string(plugins.size()) + " plugins can be used"});
  return group;
}

CheckGroup check_environment(const Environment& environment) {
  CheckGroup group{"environment", {}};
  for (const EnvironmentVariable& variable : known_environment_variables())
    if (const std::string* value = environment.find(variable.name))
      group.checks.push_back(
          {Verdict::ok, std::string(variable.name) + "=" + *value + " [" + environment.source(variable.name) + "]"});
  for (const UnknownVariable& variable : environment.unknown())
    group.checks.push_back({Verdict::bad, variable.name + " is set, but nobody reads it" +
                                              (variable.nearest.empty() ? "" : "; did you mean " + variable.nearest + "?")});
  for (const std::string& note : environment.notes()) group.checks.push_back({Verdict::bad, note});
  const std::string& path = environment.settings_path();
  group.checks.push_back({environment.settings_loaded() ? Verdict::ok : Verdict::note,
                          path.empty() ? "no settings file: HOME is not set"
                                       : "settings file " + path + (environment.settings_loaded() ? "" : ": not read")});
  return group;
}

CheckGroup check_writing() {
  std::error_code trouble;
  CheckGroup group{"writing", {write_check(fs::current_path(trouble).string())}};
  const fs::path temporary = fs::temp_directory_path(trouble);
  if (!trouble && temporary != fs::current_path(trouble)) group.checks.push_back(write_check(temporary.string()));
  return group;
}

}  // namespace fvattn::host
