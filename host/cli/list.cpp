// fvattn list: what was found, without loading any of it.
#include "cli/builtins.hpp"
#include "common/table.hpp"
#include "common/verb.hpp"

#include <fvattn/context.hpp>

#include <algorithm>
#include <iostream>

namespace fvattn::host {
namespace {

struct Row {
  const PluginInfo* plugin;
  BackendManifest backend;  // only the name for a plugin without a manifest
};

bool usable(const PluginInfo& plugin) { return plugin.state == PluginState::found || plugin.state == PluginState::loaded; }

// What a reader wants to know: can it be used, and if not, why.
std::string state_text(const PluginInfo& plugin) {
  if (usable(plugin)) return "ready";
  return std::string(to_string(plugin.state)) + (plugin.reason.empty() ? "" : " (" + plugin.reason + ")");
}

std::vector<Row> rows_of(const std::vector<PluginInfo>& plugins, bool all) {
  std::vector<Row> rows;
  for (const PluginInfo& plugin : plugins) {
    if (!all && (plugin.state == PluginState::shadowed || plugin.state == PluginState::disabled)) continue;
    std::vector<BackendManifest> backends = plugin.manifest.backends;
    if (backends.empty())
      for (const std::string& name : plugin.backends) backends.emplace_back().name = name;
    if (backends.empty()) backends.emplace_back();
    for (BackendManifest& backend : backends) rows.push_back({&plugin, std::move(backend)});
  }
  return rows;
}

std::string devices_text(const Manifest& manifest) {
  std::vector<std::string> devices{"cpu"};
  if (manifest.needs_torch && manifest.sass.empty()) devices.emplace_back("cuda");
  for (const std::string& arch : manifest.sass) devices.push_back("sm_" + arch);
  for (const std::string& arch : manifest.ptx) devices.push_back("compute_" + arch);
  return joined(devices, " ");
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string head_dims_text(const BackendManifest& backend) {
  return backend.head_dim_max == 0 ? "-" : "<= " + std::to_string(backend.head_dim_max);
}

Json row_json(const Row& row) {
  const PluginInfo& plugin = *row.plugin;
  const BackendManifest& backend = row.backend;
  Json json = {{"backend", backend.name}, {"state", usable(plugin) ? "ready" : to_string(plugin.state)}};
  if (!plugin.reason.empty()) json["reason"] = plugin.reason;
  json.update(Json{{"class", backend.approximate ? "sparse" : "exact"},
                   {"plugin", plugin.id},
                   {"version", plugin.version},
                   {"publisher", plugin.publisher},
                   {"path", plugin.path},
                   {"source", plugin.source},
                   {"sha256", plugin.sha256},
                   {"aliases", backend.aliases},
                   {"dtypes", backend.dtypes},
                   {"head_dim_max", backend.head_dim_max},
                   {"features", backend.features},
                   {"lacks", backend.lacks},
                   {"priority", backend.priority},
                   {"sass", plugin.manifest.sass},
                   {"ptx", plugin.manifest.ptx},
                   {"needs_torch", plugin.manifest.needs_torch},
                   {"notes", plugin.manifest.notes}});
  return json;
}

void print_row_details(const Row& row) {
  const PluginInfo& plugin = *row.plugin;
  const auto line = [](const char* name, const std::string& text) {
    if (!text.empty()) std::cout << "    " << name << text << '\n';
  };
  std::cout << (row.backend.name.empty() ? "?" : row.backend.name) << "  " << state_text(plugin) << '\n';
  line("plugin      ", plugin.id + " " + plugin.version + (plugin.publisher.empty() ? "" : " by " + plugin.publisher));
  line("about       ", plugin.manifest.description);
  line("path        ", plugin.path + "  [" + plugin.source + "]");
  line("sha256      ", plugin.sha256.empty() ? plugin.manifest.sha256 : plugin.sha256);
  line("class       ", row.backend.approximate ? "sparse (never chosen automatically)" : "exact");
  line("devices     ", devices_text(plugin.manifest));
  line("dtypes      ", joined(row.backend.dtypes));
  line("head dims   ", head_dims_text(row.backend));
  line("aliases     ", joined(row.backend.aliases));
  line("can         ", joined(row.backend.features));
  line("cannot      ", joined(row.backend.lacks));
  line("needs torch ", plugin.manifest.needs_torch ? plugin.manifest.torch.version : "");
  for (const std::string& note : plugin.manifest.notes) line("note        ", note);
}

void print_searched(const Environment& environment) {
  std::cout << "no backend was found. Searched:\n";
  for (const auto& [folder, source] : plugin_search_path(environment))
    std::cout << "  " << folder << "  [" << source << "]\n";
  std::cout << "fvattn doctor shows every step\n";
}

}  // namespace

int list_verb(int argc, const char* const* argv) {
  bool verbose = false;
  Verb verb("fvattn list", "The backends that were found. Nothing is loaded.",
            "fvattn list -v\n  FASTVIDEO_ATTENTION_PLUGIN_PATH=$PWD/build fvattn list");
  verb.app().add_flag("-v,--verbose", verbose, "All that is known of each, shadowed and disabled ones too");
  return verb.run(argc, argv, [&]() -> Status {
    Context& context = default_context();
    const std::vector<PluginInfo> plugins = context.registry().plugins();
    const std::vector<Row> rows = rows_of(plugins, verbose || verb.json());
    if (verb.json()) {
      Json list = Json::array();
      for (const Row& row : rows) list.push_back(row_json(row));
      verb.print({{"backends", list}});
      return {};
    }
    if (std::none_of(plugins.begin(), plugins.end(), usable)) print_searched(*context.environment());
    if (verbose) {
      for (const Row& row : rows) print_row_details(row);
      return {};
    }
    Table table({"backend", "class", "devices", "dtypes", "head dim", "plugin", "version", "state"});
    for (const Row& row : rows)
      table.row({row.backend.name.empty() ? "?" : row.backend.name, row.backend.approximate ? "sparse" : "exact",
                 devices_text(row.plugin->manifest), or_dash(joined(row.backend.dtypes, " ")), head_dims_text(row.backend),
                 row.plugin->id.empty() ? row.plugin->path : row.plugin->id, or_dash(row.plugin->version),
                 state_text(*row.plugin)});
    if (!table.empty()) table.print(std::cout);
    return {};
  });
}

}  // namespace fvattn::host
