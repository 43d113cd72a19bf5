// Mask strategies: which window each head uses, by denoising step and layer. On disk a JSON object with keys "t_l_h"
// (step, layer, head, decimal, from 0) and values [t, h, w] in tiles.
#pragma once

#include <fvattn/sta/window.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fvattn::sta {

/// A strategy as a table. Entries that nobody gave are kNoWindow.
struct Strategy {
  int steps = 0, layers = 0, heads = 0;
  std::vector<Window> windows;  // [steps][layers][heads]

  const Window& at(int step, int layer, int head) const {
    return windows[(static_cast<size_t>(step) * layers + layer) * heads + head];
  }
  Window& at(int step, int layer, int head) { return windows[(static_cast<size_t>(step) * layers + layer) * heads + head]; }
};

enum class Holes { refused, allowed };

/// Strict: windows are three integers of at least 1, no key comes twice, and without Holes::allowed every key below the
/// largest step, layer and head is there. StaError names `origin`, the line and the key. 72,000 entries take tens of ms.
Strategy parse_mask_strategy(std::string_view json, const std::string& origin, Holes holes = Holes::refused);
/// The same from a file.
Strategy load_mask_strategy(const std::string& path, Holes holes = Holes::refused);
/// Writes the entries in order of step, layer, head, indented by 4. Missing entries are left out. The file appears whole
/// or not at all.
void save_mask_strategy(const Strategy& strategy, const std::string& path);

/// The reference's dictionary, in order of insertion.
using StrategyDict = std::vector<std::pair<std::string, Window>>;
/// [step][layer][head or candidate]; nullopt is Python's None.
using WindowList3d = std::vector<std::vector<std::vector<std::optional<Window>>>>;

/// A dictionary as nested lists. All of t_max, l_max, h_max fix the shape (keys outside are skipped, missing entries stay
/// empty); none of them infers it; a missing dictionary needs all three. StaError otherwise, or for a key that is not
/// "t_l_h".
WindowList3d dict_to_3d_list(const std::optional<StrategyDict>& mask_strategy = std::nullopt,
                             std::optional<int> t_max = std::nullopt, std::optional<int> l_max = std::nullopt,
                             std::optional<int> h_max = std::nullopt);

}  // namespace fvattn::sta
