#include <fvattn/sta/strategy.hpp>

#include "files.hpp"
#include "strategy_reader.hpp"

#include <algorithm>

namespace fvattn::sta {
namespace {

constexpr int64_t kMostEntries = int64_t{1} << 26;  // 800 MB of windows: no model comes near

std::string key_text(const Window& k) {
  std::string text("\"");
  for (size_t i = 0; i < 3; ++i) text.append(i ? "_" : "").append(std::to_string(k[i]));
  return text.append("\"");
}

void sort_by_key(std::vector<StrategyEntry>& entries) {
  const auto before = [](const StrategyEntry& a, const StrategyEntry& b) { return a.key < b.key; };
  if (!std::is_sorted(entries.begin(), entries.end(), before)) std::stable_sort(entries.begin(), entries.end(), before);
}

void refuse_duplicates(const std::vector<StrategyEntry>& entries, const std::string& origin) {
  const auto equal = [](const StrategyEntry& a, const StrategyEntry& b) { return a.key == b.key; };
  const auto twice = std::adjacent_find(entries.begin(), entries.end(), equal);
  if (twice != entries.end())
    throw StaError(origin + ", line " + std::to_string(twice[1].line) + ", key " + key_text(twice->key) +
                   ": it is there twice, first in line " + std::to_string(twice->line));
}

/// Entries are sorted; the first key of the T x L x H box that is not there.
void refuse_holes(const std::vector<StrategyEntry>& entries, const Strategy& shape, const std::string& origin) {
  int last_line = 1;
  Window expected{0, 0, 0};
  for (const StrategyEntry& entry : entries) {
    if (entry.key != expected) break;
    last_line = entry.line;
    if (++expected[2] < shape.heads) continue;
    expected[2] = 0;
    if (++expected[1] < shape.layers) continue;
    expected[1] = 0, ++expected[0];
  }
  if (expected[0] < shape.steps)
    throw StaError(origin + ", line " + std::to_string(last_line) + ": the key " + key_text(expected) +
                   " should follow and is missing; the strategy needs all of " + std::to_string(shape.steps) + " steps, " +
                   std::to_string(shape.layers) + " layers and " + std::to_string(shape.heads) + " heads");
}

}  // namespace

Strategy parse_mask_strategy(std::string_view json, const std::string& origin, Holes holes) {
  std::vector<StrategyEntry> entries = read_strategy_entries(json, origin);
  if (entries.empty()) throw StaError(origin + ", line 1: the strategy has no entries");
  sort_by_key(entries);
  refuse_duplicates(entries, origin);
  Strategy strategy;
  for (const StrategyEntry& entry : entries) {
    strategy.steps = std::max(strategy.steps, entry.key[0] + 1);
    strategy.layers = std::max(strategy.layers, entry.key[1] + 1);
    strategy.heads = std::max(strategy.heads, entry.key[2] + 1);
  }
  if (holes == Holes::refused) refuse_holes(entries, strategy, origin);
  const double size = static_cast<double>(strategy.steps) * strategy.layers * strategy.heads;
  if (size > static_cast<double>(kMostEntries))
    throw StaError(origin + ": the strategy spans " + std::to_string(strategy.steps) + " steps, " +
                   std::to_string(strategy.layers) + " layers and " + std::to_string(strategy.heads) + " heads, too many");
  strategy.windows.assign(static_cast<size_t>(size), kNoWindow);
  for (const StrategyEntry& entry : entries) strategy.at(entry.key[0], entry.key[1], entry.key[2]) = entry.window;
  return strategy;
}

Strategy load_mask_strategy(const std::string& path, Holes holes) {
  return parse_mask_strategy(read_file(path), path, holes);
}

void save_mask_strategy(const Strategy& strategy, const std::string& path) {
  std::string text = "{";
  const char* separator = "\n";
  for (int t = 0; t < strategy.steps; ++t)
    for (int l = 0; l < strategy.layers; ++l)
      for (int h = 0; h < strategy.heads; ++h) {
        const Window& w = strategy.at(t, l, h);
        if (w == kNoWindow) continue;
        text += separator + std::string("    ") + key_text({t, l, h}) + ": [\n        " + std::to_string(w[0]) +
                ",\n        " + std::to_string(w[1]) + ",\n        " + std::to_string(w[2]) + "\n    ]";
        separator = ",\n";
      }
  write_file(path, text + (text.size() > 1 ? "\n}" : "}"));
}

WindowList3d dict_to_3d_list(const std::optional<StrategyDict>& mask_strategy, std::optional<int> t_max,
                             std::optional<int> l_max, std::optional<int> h_max) {
  const int given = t_max.has_value() + l_max.has_value() + h_max.has_value();
  if (!mask_strategy && given != 3)
    throw StaError("If mask_strategy is None, you must provide t_max, l_max, and h_max");
  if (given != 0 && given != 3)
    throw StaError("Either supply none of (t_max, l_max, h_max) to infer dimensions, or supply all three to fix the shape.");
  std::vector<std::pair<Window, Window>> entries;
  if (mask_strategy) {
    entries.reserve(mask_strategy->size());
    for (const auto& [name, window] : *mask_strategy) {
      Window key{};
      if (!parse_strategy_key(name, key)) throw StaError("the key \"" + name + "\" is not \"step_layer_head\"");
      entries.emplace_back(key, window);
    }
  }
  Window shape{t_max.value_or(0), l_max.value_or(0), h_max.value_or(0)};
  if (given == 0)
    for (const auto& [key, window] : entries)
      for (size_t i = 0; i < 3; ++i) shape[i] = std::max(shape[i], key[i] + 1);
  for (int& extent : shape) extent = std::max(extent, 0);
  if (static_cast<double>(shape[0]) * shape[1] * shape[2] > static_cast<double>(kMostEntries))
    throw StaError("a list of " + std::to_string(shape[0]) + " x " + std::to_string(shape[1]) + " x " +
                   std::to_string(shape[2]) + " windows is too large");
  WindowList3d list(static_cast<size_t>(shape[0]));
  for (auto& layers : list) {
    layers.resize(static_cast<size_t>(shape[1]));
    for (auto& heads : layers) heads.resize(static_cast<size_t>(shape[2]));
  }
  for (const auto& [key, window] : entries)
    if (key[0] < shape[0] && key[1] < shape[1] && key[2] < shape[2])
      list[static_cast<size_t>(key[0])][static_cast<size_t>(key[1])][static_cast<size_t>(key[2])] = window;
  return list;
}

}  // namespace fvattn::sta
