#include "activation.hpp"

#include "error_buffer.hpp"
#include "float_control.hpp"
#include "inspection.hpp"
#include "library.hpp"
#include "locked_copy.hpp"
#include "sha256.hpp"

#include <fvattn/device.hpp>
#include <fvattn/log.hpp>

#include <algorithm>
#include <mutex>
#include <variant>

namespace fvattn {
namespace {

/// Backends outlive every registry, as the code behind them does.
const PluginBackend* immortal(std::unique_ptr<PluginBackend> backend) {
  static auto* mutex = new std::mutex;
  static auto* all = new std::vector<std::unique_ptr<PluginBackend>>;
  const std::lock_guard lock(*mutex);
  return all->emplace_back(std::move(backend)).get();
}

class Activation {
 public:
  Activation(PluginRecord& record, ActivationContext& context) : record_(record), context_(context) {}

  Status run() {
    auto opened = OpenFile::open(record_.info.path);
    if (!opened) return refuse("load", opened.status(), "FVH-5");
    const OpenFile& file = **opened;
    if (!same_file(file.status(), record_.library))
      return refuse("load",
                    Status::error(Code::failed_precondition, "the file changed since it was inspected", {}, {},
                                  "search again (reload_environment), or start the process again"),
                    "FVH-5");
    if (Status status = check_trust(context_.policy, file, {}); !status.ok()) return refuse("trust", status, "FVH-5");
    std::string path = record_.info.path;
    if (Status status = hash(file, path); !status.ok()) return status;
    if (const Refusal refusal = check_requirements(record_.info.manifest, record_.elf, record_.info.path); refusal.any())
      return refuse("requires", refusal.status, refusal.rule);
    context_.trace.ok(record_.info.path, "requires", "glibc, driver and libraries are there");
    const LoadedLibrary library = load_library(file, path);
    if (library.refusal.any()) return refuse("load", library.refusal.status, library.refusal.rule);
    context_.trace.ok(record_.info.path, "load", path == record_.info.path ? "loaded" : "loaded the copy " + path);
    return enter(library.entry);
  }

  Status enter(fvattn_plugin_entry_fn entry) {
    const fvattn_plugin* answer = nullptr;
    if (Status status = call_entry(entry, answer); !status.ok()) return status;
    auto read = read_plugin_table(answer);
    if (auto* error = std::get_if<TableError>(&read))
      return refuse("register", std::move(error->status), std::move(error->rule));
    return adopt(std::get<PluginTable>(std::move(read)));
  }

 private:
  Status hash(const OpenFile& file, std::string& path) {
    const std::string& expected = record_.info.manifest.sha256;
    if (expected.empty() && !context_.policy.locked) return {};
    const auto hash = sha256_hex(file);
    if (!hash) return refuse("hash", hash.status(), "FVH-5");
    record_.info.sha256 = *hash;
    if (!expected.empty() && *hash != expected)
      return refuse("hash",
                    Status::error(Code::failed_precondition, "the library is not the one that its manifest describes",
                                  "sha256 " + *hash, "sha256 " + expected, "install library and manifest of one build"),
                    "FVH-5");
    if (context_.policy.locked) {
      auto copy = locked_copy(file, *hash, *context_.environment);
      if (!copy) return refuse("trust", copy.status(), "FVH-5");
      path = *copy;
    }
    context_.trace.ok(record_.info.path, "hash", "sha256 " + *hash);
    return {};
  }

  Status call_entry(fvattn_plugin_entry_fn entry, const fvattn_plugin*& answer) {
    ErrorBuffer error;
    const FloatControlGuard floats;
    try {
      answer = entry(context_.host, error.c());
    } catch (const std::exception& thrown) {
      return refuse("entry",
                    Status::error(Code::internal, std::string("its entry point let an exception out: ") + thrown.what()),
                    "FVP-2");
    } catch (...) {
      return refuse("entry", Status::error(Code::internal, "its entry point let an exception out"), "FVP-2");
    }
    if (answer == nullptr) {
      const std::string words = error.text();
      return refuse("entry",
                    Status::error(Code::unavailable,
                                  "the plugin refuses: " + (words.empty() ? std::string("it gives no reason") : words)),
                    {});
    }
    if (floats.changed())
      return refuse(
          "entry",
          Status::error(Code::failed_precondition, "its entry point changed the floating-point control word of the thread"),
          "FVP-6");
    context_.trace.ok(record_.info.path, "entry", "answered");
    return {};
  }

  Status adopt(PluginTable table) {
    PluginInfo& info = record_.info;
    if (!record_.from_api() && table.id != info.id)
      return refuse(
          "register",
          Status::error(Code::failed_precondition, "the plugin has another id than its manifest", table.id, info.id),
          "FVH-5");
    if (table.c.min_driver > 0 && cuda_driver_version() > 0 && cuda_driver_version() < table.c.min_driver)
      return refuse("register",
                    Status::error(Code::failed_precondition, "the plugin needs a newer NVIDIA driver",
                                  std::to_string(cuda_driver_version()), std::to_string(table.c.min_driver) + " or newer",
                                  "update the driver"),
                    "FVP-12");
    compare_with_manifest(table);
    info.id = table.id;
    info.version = table.version;
    info.publisher = table.publisher;
    record_.session = std::make_shared<PluginSession>();
    record_.session->id = info.id;
    record_.session->version = info.version;
    record_.session->path = info.path;
    record_.session->sha256 = info.sha256;
    record_.session->set_environment(context_.environment);
    info.backends.clear();
    for (BackendTable& backend : table.backends) {
      record_.backends.push_back(immortal(std::make_unique<PluginBackend>(std::move(backend), record_.session)));
      info.backends.push_back(record_.backends.back()->get_name());
    }
    info.state = PluginState::loaded;
    std::string names;
    for (const std::string& name : info.backends) names += " " + name;
    context_.trace.ok(info.path, "register", info.id + " offers" + names);
    // The audit line: who runs in this process.
    log(LogLevel::info, "load",
        "plugin " + info.id + " " + info.version + (info.path.empty() ? "" : " " + info.path) +
            (info.sha256.empty() ? "" : " sha256 " + info.sha256) + " trust " + context_.policy.name());
    return {};
  }

  // The manifest is for listing; the table is the truth.
  void compare_with_manifest(const PluginTable& table) {
    if (record_.from_api()) return;
    const PluginInfo& info = record_.info;
    if (!info.version.empty() && info.version != table.version)
      context_.trace.note(info.path, "register",
                          "its manifest says version " + info.version + ", the library " + table.version, "FVH-5");
    const auto has = [](const auto& list, const std::string& name) {
      return std::any_of(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
    };
    for (const BackendManifest& backend : info.manifest.backends)
      if (!has(table.backends, backend.name))
        context_.trace.note(info.path, "register", "its manifest names " + backend.name + ", the library does not offer it",
                            "FVH-5");
    for (const BackendTable& backend : table.backends)
      if (!has(info.manifest.backends, backend.name))
        context_.trace.note(info.path, "register", "it offers " + backend.name + ", which its manifest does not name",
                            "FVH-5");
  }

  Status refuse(const char* stage, Status status, std::string rule) {
    PluginInfo& info = record_.info;
    info.state = PluginState::refused;
    Status shown = status;
    shown.hint.clear();
    info.reason = shown.text();
    context_.trace.refused(info.path, stage, info.reason, std::move(rule), status.hint);
    return status;
  }

  PluginRecord& record_;
  ActivationContext& context_;
};

}  // namespace

Status activate(PluginRecord& record, ActivationContext& context) { return Activation(record, context).run(); }

Status register_entry(PluginRecord& record, fvattn_plugin_entry_fn entry, ActivationContext& context) {
  return Activation(record, context).enter(entry);
}

}  // namespace fvattn
