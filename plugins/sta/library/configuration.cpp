#include <fvattn/sta/configuration.hpp>

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <sstream>

namespace fvattn::sta {
namespace {

std::vector<Window> selected_masks(const StaArguments& a, std::string_view mode) {
  if (!a.mask_candidates) throw StaError("mask_candidates is required for " + std::string(mode) + " mode");
  std::vector<int> indices(a.mask_candidates->size());
  std::iota(indices.begin(), indices.end(), 0);
  if (a.mask_selected) indices = *a.mask_selected;
  std::vector<Window> masks;
  for (const int i : indices) {
    if (i < 0 || static_cast<size_t>(i) >= a.mask_candidates->size())
      throw StaError("mask_selected has " + std::to_string(i) + "; there are " + std::to_string(a.mask_candidates->size()) +
                     " mask_candidates, counted from 0");
    masks.push_back(parse_window((*a.mask_candidates)[static_cast<size_t>(i)]));
  }
  return masks;
}

Strategy as_table(const StrategyDict& dict, int timesteps, int head_num) {
  const int layers = timesteps > 0 && head_num > 0 ? static_cast<int>(dict.size()) / timesteps / head_num : 0;
  Strategy table{timesteps, layers, head_num, {}};
  for (const auto& [key, window] : dict) table.windows.push_back(window);
  return table;
}

void report_on(std::ostream& out, const BestStrategy& best, int64_t total_heads) {
  std::ostringstream text;
  text << std::fixed << "Overall sparsity: " << std::setprecision(4) << best.sparsity << "\n\nStrategy usage counts:\n";
  for (const auto& [key, count] : best.counts)
    text << "Strategy " << key << ": " << count << " heads (" << std::setprecision(2)
         << (total_heads > 0 ? 100.0 * static_cast<double>(count) / static_cast<double>(total_heads) : 0.0) << "%)\n";
  out << text.str() << std::flush;
}

WindowList3d tune(const std::vector<LossTables>& results, std::vector<Window> masks, const StaArguments& a,
                  int layer_num, int time_step_num, int head_num) {
  const LossTables average = average_head_losses(results, masks);
  if (a.full_attention_mask) masks.push_back(*a.full_attention_mask);
  const int timesteps = a.timesteps.value_or(time_step_num), skip = a.skip_time_steps.value_or(12);
  std::ostream& out = a.report ? *a.report : std::cout;
  out << "Strategy " << window_key(masks.back()) << ", skip first " << skip << " steps" << std::endl;
  const BestStrategy best = select_best_mask_strategy(average, masks, skip, timesteps, head_num);
  const std::string folder = a.save_dir.value_or("mask_candidates");
  if (!folder.empty()) {
    const std::string path =
        (std::filesystem::path(folder) / ("mask_strategy_s" + std::to_string(skip) + ".json")).string();
    save_mask_strategy(as_table(best.strategy, timesteps, head_num), path);
    out << "Successfully saved mask_strategy to " << path << std::endl;
  }
  report_on(out, best, int64_t{time_step_num} * layer_num * head_num);
  return dict_to_3d_list(best.strategy, time_step_num, layer_num, head_num);
}

WindowList3d search(const std::vector<Window>& masks, int layer_num, int time_step_num) {
  const std::vector<std::optional<Window>> candidates(masks.begin(), masks.end());
  const auto extent = [](int n) { return static_cast<size_t>(n < 0 ? 0 : n); };
  return WindowList3d(extent(time_step_num), {extent(layer_num), candidates});
}

WindowList3d load(const std::string& path, int layer_num, int time_step_num, int head_num) {
  if (path.empty()) throw StaError("load_path is required for STA_inference mode");
  const Strategy table = load_mask_strategy(path, Holes::allowed);
  WindowList3d list = dict_to_3d_list(std::nullopt, time_step_num, layer_num, head_num);
  for (int t = 0; t < std::min(table.steps, time_step_num); ++t)
    for (int l = 0; l < std::min(table.layers, layer_num); ++l)
      for (int h = 0; h < std::min(table.heads, head_num); ++h)
        if (table.at(t, l, h) != kNoWindow)
          list[static_cast<size_t>(t)][static_cast<size_t>(l)][static_cast<size_t>(h)] = table.at(t, l, h);
  return list;
}

}  // namespace

const char* to_string(STA_Mode mode) {
  switch (mode) {
    case STA_Mode::STA_INFERENCE: return "STA_inference";
    case STA_Mode::STA_SEARCHING: return "STA_searching";
    case STA_Mode::STA_TUNING: return "STA_tuning";
    case STA_Mode::STA_TUNING_CFG: return "STA_tuning_cfg";
    case STA_Mode::NONE: break;
  }
  return "None";
}

std::optional<STA_Mode> sta_mode_from(std::string_view text) {
  for (const STA_Mode mode : {STA_Mode::STA_INFERENCE, STA_Mode::STA_SEARCHING, STA_Mode::STA_TUNING,
                              STA_Mode::STA_TUNING_CFG, STA_Mode::NONE})
    if (text == to_string(mode)) return mode;
  return std::nullopt;
}

BestStrategy select_best_mask_strategy(const LossTables& averaged_results, const std::vector<Window>& selected_masks,
                                       int skip_time_steps, int timesteps, int head_num) {
  if (selected_masks.empty()) throw StaError("select_best_mask_strategy needs at least the full window");
  std::vector<const LossTable*> tables;
  std::vector<size_t> count_of;  // of each mask, in best.counts: equal windows share one
  BestStrategy best;
  size_t layers = 0;
  for (const Window& mask : selected_masks) {
    const std::string key = window_key(mask);
    const auto known =
        std::find_if(best.counts.begin(), best.counts.end(), [&](const auto& c) { return c.first == key; });
    count_of.push_back(static_cast<size_t>(known - best.counts.begin()));
    if (known == best.counts.end()) best.counts.emplace_back(key, 0);
    const auto found = averaged_results.l2_loss.find(key);
    tables.push_back(found == averaged_results.l2_loss.end() ? nullptr : &found->second);
  }
  if (tables[0] && !tables[0]->empty()) layers = tables[0]->front().size();
  else throw StaError("there are no losses of the window " + window_key(selected_masks[0]));
  const auto loss = [&](size_t mask, size_t t, size_t l, size_t h) {
    if (!tables[mask] || t >= tables[mask]->size() || l >= (*tables[mask])[t].size() || h >= (*tables[mask])[t][l].size())
      throw StaError("there is no loss of the window " + window_key(selected_masks[mask]) + " for step " +
                     std::to_string(t) + ", layer " + std::to_string(l) + ", head " + std::to_string(h));
    return (*tables[mask])[t][l][h];
  };
  const size_t full = selected_masks.size() - 1;
  double chosen = 0, total = 0;
  for (int t = 0; t < timesteps; ++t)
    for (size_t l = 0; l < layers; ++l)
      for (int h = 0; h < head_num; ++h) {
        size_t pick = full;
        if (t >= skip_time_steps)
          for (size_t m = 0; m < full; ++m)
            if (pick == full || loss(m, static_cast<size_t>(t), l, static_cast<size_t>(h)) <
                                    loss(pick, static_cast<size_t>(t), l, static_cast<size_t>(h)))
              pick = m;
        const Window& window = selected_masks[pick];
        best.strategy.emplace_back(std::to_string(t) + "_" + std::to_string(l) + "_" + std::to_string(h), window);
        chosen += static_cast<double>(volume(window));
        total += static_cast<double>(volume(selected_masks[full]));
        ++best.counts[count_of[pick]].second;
      }
  best.sparsity = total > 0 ? 1 - chosen / total : 0;
  return best;
}

WindowList3d configure_sta(STA_Mode mode, int layer_num, int time_step_num, int head_num, const StaArguments& a) {
  return configure_sta(to_string(mode), layer_num, time_step_num, head_num, a);
}

WindowList3d configure_sta(std::string_view mode, int layer_num, int time_step_num, int head_num, const StaArguments& a) {
  if (mode == "STA_searching") return search(selected_masks(a, mode), layer_num, time_step_num);
  if (mode == "STA_inference") return load(a.load_path, layer_num, time_step_num, head_num);
  if (mode == "STA_tuning") {
    if (!a.mask_search_files_path) throw StaError("mask_search_files_path is required for STA_tuning mode");
    return tune(read_specific_json_files(*a.mask_search_files_path), selected_masks(a, mode), a, layer_num, time_step_num,
                head_num);
  }
  if (mode != "STA_tuning_cfg")
    throw StaError("Mode must be one of ['STA_searching', 'STA_tuning', 'STA_inference', 'STA_tuning_cfg'], got " +
                   std::string(mode));
  if (!a.mask_search_files_path_pos || !a.mask_search_files_path_neg || !a.save_dir)
    throw StaError(
        "mask_search_files_path_pos, mask_search_files_path_neg, and save_dir are required for STA_tuning_cfg mode");
  std::vector<LossTables> results = read_specific_json_files(*a.mask_search_files_path_pos);
  for (LossTables& negative : read_specific_json_files(*a.mask_search_files_path_neg))
    results.push_back(std::move(negative));
  return tune(results, selected_masks(a, mode), a, layer_num, time_step_num, head_num);
}

}  // namespace fvattn::sta
