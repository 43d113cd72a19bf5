// Small text in pictures.
#pragma once

#include "video/picture.hpp"

#include <string_view>

namespace fvattn::video {

inline constexpr int kLabelHeight = 8, kLabelAdvance = 6;  // pixels

/// Draws ASCII in a 5x7 dot matrix, other bytes as '?'. The top left corner is (left, top); no line breaks.
void draw_label(Picture& picture, std::string_view text, int left, int top, Colour colour);

}  // namespace fvattn::video
