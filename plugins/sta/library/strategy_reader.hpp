// The entries of a strategy file, in the order of the file.
#pragma once

#include <fvattn/sta/window.hpp>

#include <vector>

namespace fvattn::sta {

struct StrategyEntry {
  Window key;  // step, layer, head
  Window window;
  int line;
};

/// "t_l_h", decimal without leading zeros or signs. False for anything else.
bool parse_strategy_key(std::string_view text, Window& key);

/// StaError with `origin`, line and key for whatever is not an object of such keys and windows of three integers >= 1.
std::vector<StrategyEntry> read_strategy_entries(std::string_view json, const std::string& origin);

}  // namespace fvattn::sta
