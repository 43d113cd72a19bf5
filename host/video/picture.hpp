// Eight-bit pictures to draw on.
#pragma once

#include "video/frame.hpp"

#include <array>
#include <string>
#include <vector>

namespace fvattn::video {

using Colour = std::array<uint8_t, 3>;

/// RGB, interleaved, rows from the top.
struct Picture {
  Size size;
  std::vector<uint8_t> rgb;

  Picture(Size s, Colour fill);
  explicit Picture(const Frame& frame);
  /// What lies outside is left out.
  void set(int x, int y, Colour colour);
  void paste(const Picture& other, int left, int top);
};

}  // namespace fvattn::video
