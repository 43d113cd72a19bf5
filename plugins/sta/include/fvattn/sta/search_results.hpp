// Losses of candidate windows: collected during a search, saved, read back and averaged.
#pragma once

#include <fvattn/sta/window.hpp>

#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fvattn::sta {

/// [candidate][head], mean over batch, tokens and channels of (candidate - full)^2 and |candidate - full|.
struct LayerLosses {
  std::vector<std::vector<double>> l2, l1;
};
/// [step][layer]
using SearchResult = std::vector<std::vector<LayerLosses>>;

/// [step][layer][head]
using LossTable = std::vector<std::vector<std::vector<double>>>;
/// One file, or an average of several: by window_key.
struct LossTables {
  std::map<std::string, LossTable> l2_loss, l1_loss;
};

/// Takes [candidate][local heads] to [candidate][all heads]; the identity on one rank.
using GatherHeads = std::function<std::vector<std::vector<double>>(const std::vector<std::vector<double>>&)>;

/// Collects what a search yields, for positive and negative guidance apart. Not thread-safe.
class SearchRecorder {
 public:
  explicit SearchRecorder(GatherHeads gather = nullptr) : gather_(std::move(gather)) {}

  /// The outputs l2_loss and l1_loss of one call. Every rank must call it, in the same order.
  void record(int step, int layer, const LayerLosses& local, bool is_cfg_negative);
  /// Empty as long as nothing was recorded.
  const SearchResult& positive() const { return positive_; }
  const SearchResult& negative() const { return negative_; }

 private:
  GatherHeads gather_;
  SearchResult positive_, negative_;
};

/// Writes {"L2_loss": {"[3, 1, 10]": [step][layer][head], ...}, "L1_loss": ...}, numbers rounded to 6 decimals, into
/// `output_dir`/mask_search_<first 50 characters of the prompt>.json, where spaces and characters that file names lack
/// are '_'. mask_strategies are the candidates ("3, 1, 10"), in the order of the losses. Returns the path; without
/// results prints "No mask search results to save" and returns nothing. One rank should call it. StaError for results
/// whose shape does not fit. `report` is where the reference prints.
std::optional<std::string> save_mask_search_results(const SearchResult& mask_search_final_result, const std::string& prompt,
                                                    const std::vector<std::string>& mask_strategies,
                                                    const std::string& output_dir = "output/mask_search_result/",
                                                    std::ostream& report = std::cout);

/// Every file of `dir_path` (subfolders are not entered) whose name contains 'mask' and ends in '.json', in order of name.
/// StaError for a folder or file that cannot be read or is no search result.
std::vector<LossTables> read_specific_json_files(const std::string& dir_path);

/// Mean over the results of their L2 losses of the selected windows. StaError without results, for a window that some
/// result lacks, or for tables of different shapes.
LossTables average_head_losses(const std::vector<LossTables>& results, const std::vector<Window>& selected_masks);

}  // namespace fvattn::sta
