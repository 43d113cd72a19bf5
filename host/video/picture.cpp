#include "video/picture.hpp"

#include <algorithm>

namespace fvattn::video {

Picture::Picture(Size s, Colour fill) : size(s), rgb(static_cast<size_t>(s.width) * static_cast<size_t>(s.height) * 3) {
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = fill[i % 3];
}

Picture::Picture(const Frame& frame) : size(frame.size), rgb(frame.rgb.size()) {
  std::transform(frame.rgb.begin(), frame.rgb.end(), rgb.begin(), to_byte);
}

void Picture::set(int x, int y, Colour colour) {
  if (x < 0 || y < 0 || x >= size.width || y >= size.height) return;
  const size_t at = (static_cast<size_t>(y) * static_cast<size_t>(size.width) + static_cast<size_t>(x)) * 3;
  std::copy(colour.begin(), colour.end(), rgb.begin() + static_cast<std::ptrdiff_t>(at));
}

void Picture::paste(const Picture& other, int left, int top) {
  for (int y = 0; y < other.size.height; ++y)
    for (int x = 0; x < other.size.width; ++x) {
      const uint8_t* from =
          &other.rgb[(static_cast<size_t>(y) * static_cast<size_t>(other.size.width) + static_cast<size_t>(x)) * 3];
      set(left + x, top + y, {from[0], from[1], from[2]});
    }
}

}  // namespace fvattn::video
