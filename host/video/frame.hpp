// One picture of a clip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fvattn::video {

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

/// RGB, interleaved, rows from the top, 0 to 255. Not clamped: noise may leave the range.
struct Frame {
  Size size;
  std::vector<float> rgb;

  Frame() = default;
  explicit Frame(Size s) : size(s), rgb(static_cast<size_t>(s.width) * static_cast<size_t>(s.height) * 3) {}
  float* at(int x, int y) {
    return &rgb[(static_cast<size_t>(y) * static_cast<size_t>(size.width) + static_cast<size_t>(x)) * 3];
  }
  const float* at(int x, int y) const { return const_cast<Frame*>(this)->at(x, y); }
};

/// The nearest byte, clamped.
inline uint8_t to_byte(float value) { return value <= 0 ? 0 : value >= 255 ? 255 : static_cast<uint8_t>(value + 0.5F); }

}  // namespace fvattn::video
