// The reference's STA_configuration: search, tune and load window strategies.
#pragma once

#include <fvattn/sta/search_results.hpp>
#include <fvattn/sta/strategy.hpp>

#include <iosfwd>

namespace fvattn::sta {

enum class STA_Mode { STA_INFERENCE, STA_SEARCHING, STA_TUNING, STA_TUNING_CFG, NONE };
/// "STA_inference", "STA_searching", "STA_tuning", "STA_tuning_cfg", "None".
const char* to_string(STA_Mode mode);
/// Nothing for any other text.
std::optional<STA_Mode> sta_mode_from(std::string_view text);

struct BestStrategy {
  StrategyDict strategy;  // every "t_l_h", in order
  double sparsity = 0;    // 1 - sum of chosen volumes / sum of full volumes, windows as written
  std::vector<std::pair<std::string, int64_t>> counts;  // uses of each window, by window_key, in the order of the masks
};

/// For every step, layer (of the tables) and head: the last mask while t < skip_time_steps, then the mask, the last one
/// excluded, with the least averaged L2 loss; the first of equals. StaError when a table is too small.
BestStrategy select_best_mask_strategy(const LossTables& averaged_results, const std::vector<Window>& selected_masks,
                                       int skip_time_steps = 12, int timesteps = 50, int head_num = 40);

/// The keyword arguments of configure_sta. What a mode does not use is not looked at.
struct StaArguments {
  std::optional<std::vector<std::string>> mask_candidates = std::nullopt;  // "3, 1, 10"
  std::optional<std::vector<int>> mask_selected = std::nullopt;            // indices; by default all
  std::optional<std::string> mask_search_files_path = std::nullopt;
  std::optional<std::string> mask_search_files_path_pos = std::nullopt, mask_search_files_path_neg = std::nullopt;
  std::optional<Window> full_attention_mask = std::nullopt;  // without: the last candidate plays full
  std::optional<int> skip_time_steps = std::nullopt;         // 12
  std::optional<int> timesteps = std::nullopt;               // time_step_num
  std::optional<std::string> save_dir = std::nullopt;        // "mask_candidates"; an empty one: write nothing
  std::string load_path = "mask_candidates/mask_strategy.json";
  std::ostream* report = nullptr;  // what the reference prints; null: standard output
};

/// searching: [T][L] -> the selected candidates. tuning, tuning_cfg: reads search results, chooses, writes
/// save_dir/mask_strategy_s<skip>.json, prints sparsity and usage, returns [T][L][H]. inference: loads load_path as
/// [T][L][H]. StaError with the reference's texts.
WindowList3d configure_sta(std::string_view mode = "STA_searching", int layer_num = 40, int time_step_num = 50,
                           int head_num = 40, const StaArguments& arguments = {});
WindowList3d configure_sta(STA_Mode mode, int layer_num = 40, int time_step_num = 50, int head_num = 40,
                           const StaArguments& arguments = {});

}  // namespace fvattn::sta
