// Finds plugins, checks them, loads them, and remembers every step of it.
#pragma once

#include <fvattn/export.hpp>

#include <fvattn/attention_backend.hpp>
#include <fvattn/environment.hpp>
#include <fvattn/manifest.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// One step of discovery or loading. `rule` is FVP-n or FVH-n where one applies.
struct TraceEntry {
  enum class Verdict { ok, note, refused };
  std::string path;
  std::string stage;  // search, trust, elf, manifest, hash, requires, load, entry, register
  Verdict verdict = Verdict::ok;
  std::string reason, rule, hint;
};

enum class PluginState {
  found,     // manifest read, library not loaded yet
  loaded,    // entry called, backends usable
  refused,   // the trace says why
  shadowed,  // the same id was found earlier in the order
  disabled,  // by FASTVIDEO_ATTENTION_PLUGINS_SELECT or _DISABLE
};
const char* to_string(PluginState state);

struct PluginInfo {
  std::string id, version, publisher;
  std::string path;      // of the library; empty for one registered through the API
  std::string source;    // "api", "files", "path", "settings", "user", "library", "system"
  std::string sha256;    // of the file, when it was hashed
  PluginState state = PluginState::found;
  std::string reason;    // why refused, shadowed or disabled
  Manifest manifest;     // as read; empty for the API
  std::vector<std::string> backends;
};

/// Thread-safe. Libraries are never unloaded (FVH-2), so backends live as long as the process.
class Registry {
 public:
  /// Does not search yet; the first look-up does. `host` nullptr means the process's own host table.
  explicit Registry(std::shared_ptr<const Environment> environment, const fvattn_host* host = nullptr);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// Registers a table from inside the process, before anything found on disk.
  Status add(fvattn_plugin_entry_fn entry);
  /// Searches again with `environment`. Loaded plugins stay.
  void rescan(std::shared_ptr<const Environment> environment);

  /// Every plugin found, in search order, refused and shadowed ones too. Loads nothing.
  std::vector<PluginInfo> plugins() const;
  /// Names of all backends that some usable plugin offers, without duplicates, in search order. Loads nothing.
  std::vector<std::string> backend_names() const;
  /// Loads the plugin that offers `name` (bare, alias, or "plugin.id/NAME") if need be. UNAVAILABLE with every place
  /// searched and every stage passed or failed when there is none. The pointer stays valid.
  Result<const AttentionBackend*> find(std::string_view name);
  /// Ids of plugins that offer `name`, best first (manifest priority, then search order).
  std::vector<std::string> providers(std::string_view name) const;

  /// Everything that happened so far.
  std::vector<TraceEntry> trace() const;
  /// Where the newest search looked and what it found there, one entry a folder.
  std::vector<TraceEntry> searched() const;
  /// Grows with each change of what find() could answer.
  uint64_t generation() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The folders that are searched, in order, with the source of each.
std::vector<std::pair<std::string, std::string>> plugin_search_path(const Environment& environment);

/// A table of trace entries for people, one line each.
std::string format_trace(const std::vector<TraceEntry>& trace);

/// The host table that plugins get. parallel_for, device_alloc and record_stream go through providers that
/// libfvattn_torch sets when it is loaded; before that parallel_for uses its own threads and device_alloc serves the CPU.
const fvattn_host* host_table();
struct HostProviders {
  fvattn_status (*device_alloc)(int32_t dev, void* stream, uint64_t bytes, uint64_t align, fvattn_buf* out, fvattn_error*) = nullptr;
  void (*device_free)(int32_t dev, void* stream, fvattn_buf) = nullptr;
  void (*parallel_for)(int64_t n, int64_t grain, void (*fn)(void*, int64_t, int64_t), void* arg) = nullptr;
  void (*record_stream)(int32_t dev, fvattn_buf, void* stream) = nullptr;
};
void set_host_providers(const HostProviders& providers);

}  // namespace fvattn
