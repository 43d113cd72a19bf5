// A strategy as a picture: a panel for each step, a row for each layer, a cell for each head, a colour for each window.
#pragma once

#include <fvattn/sta/strategy.hpp>

#include "video/picture.hpp"

namespace fvattn::sta {

/// `windows` are the distinct windows of the strategy, in the order of the legend. Missing entries are black.
video::Picture strategy_picture(const Strategy& strategy, const std::vector<Window>& windows);

}  // namespace fvattn::sta
