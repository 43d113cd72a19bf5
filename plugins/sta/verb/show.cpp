#include "strategy_picture.hpp"
#include "verbs.hpp"

#include "common/table.hpp"
#include "common/verb.hpp"
#include "video/png.hpp"

#include <algorithm>
#include <iostream>
#include <map>

namespace fvattn::sta {
namespace {

struct Options {
  std::string file, tiles, png;
};

struct Summary {
  Window tiles{1, 1, 1};
  std::vector<std::pair<Window, int64_t>> uses;  // the most used one first
  int64_t entries = 0, missing = 0;
  double density = 0;
};

Result<Summary> summary_of(const Strategy& strategy, const Options& o) {
  Summary summary;
  std::map<Window, int64_t> uses;
  for (const Window& window : strategy.windows) {
    if (window == kNoWindow) {
      ++summary.missing;
      continue;
    }
    ++uses[window];
    ++summary.entries;
    for (size_t i = 0; i < 3; ++i) summary.tiles[i] = std::max(summary.tiles[i], window[i]);
  }
  if (!o.tiles.empty()) {
    const auto tiles = window_option("--tiles", o.tiles);
    if (!tiles) return tiles.status();
    summary.tiles = *tiles;
  }
  summary.uses.assign(uses.begin(), uses.end());
  std::stable_sort(summary.uses.begin(), summary.uses.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const auto& [window, count] : summary.uses)
    summary.density += density(window, summary.tiles) * static_cast<double>(count) / static_cast<double>(summary.entries);
  return summary;
}

host::Json json_of(const Strategy& strategy, const Summary& summary, const Options& o) {
  host::Json windows = host::Json::array();
  for (const auto& [window, count] : summary.uses)
    windows.push_back({{"window", window}, {"heads", count}, {"density", density(window, summary.tiles)}});
  host::Json json = {{"steps", strategy.steps},      {"layers", strategy.layers}, {"heads", strategy.heads},
                     {"missing", summary.missing},   {"tiles", summary.tiles},    {"density", summary.density},
                     {"sparsity", 1 - summary.density}, {"windows", windows}};
  if (!o.png.empty()) json["png"] = o.png;
  return json;
}

void print(const Strategy& strategy, const Summary& summary, const Options& o) {
  std::cout << o.file << ": " << strategy.steps << " steps, " << strategy.layers << " layers, " << strategy.heads
            << " heads";
  if (summary.missing > 0) std::cout << ", " << summary.missing << " entries are missing";
  std::cout << "\n";
  host::Table table({"window", ">heads", ">share %", ">density"});
  for (const auto& [window, count] : summary.uses)
    table.row({window_key(window), std::to_string(count),
               host::number_text(100.0 * static_cast<double>(count) / static_cast<double>(summary.entries)),
               host::number_text(density(window, summary.tiles))});
  table.print(std::cout);
  std::cout << "in a grid of " << window_key(summary.tiles) << " tiles: density " << host::number_text(summary.density)
            << ", sparsity " << host::number_text(1 - summary.density) << "\n";
  if (!o.png.empty()) std::cout << "wrote " << o.png << "\n";
}

Status show(const Options& o, host::Verb& verb) {
  const Strategy strategy = load_mask_strategy(o.file, Holes::allowed);
  const Result<Summary> summary = summary_of(strategy, o);
  if (!summary) return summary.status();
  if (!o.png.empty()) {
    std::vector<Window> windows;
    for (const auto& [window, count] : summary->uses) windows.push_back(window);
    if (Status status = video::write_png(o.png, strategy_picture(strategy, windows)); !status.ok()) return status;
  }
  if (verb.json()) verb.print(json_of(strategy, *summary, o));
  else print(strategy, *summary, o);
  return {};
}

}  // namespace

int show_verb(int argc, const char* const* argv) {
  host::Verb verb("fvattn sta show", "What a strategy holds: windows, how often, how dense; as a picture, by layer and head",
                  "fvattn sta show mask_strategy.json --tiles 3,6,10 --png windows.png");
  Options options;
  verb.app().add_option("FILE", options.file, "A strategy: JSON of \"step_layer_head\": [t, h, w]")->required();
  verb.app().add_option("--tiles", options.tiles, "Tiles of the grid, t,h,w; by default the largest extents in the file");
  verb.app().add_option("--png", options.png, "Draw it: a panel for each step, a row for each layer, a cell for each head");
  return verb.run(argc, argv, [&] { return guarded([&] { return show(options, verb); }); });
}

}  // namespace fvattn::sta
