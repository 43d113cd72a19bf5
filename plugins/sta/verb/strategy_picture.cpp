#include "strategy_picture.hpp"

#include "video/label.hpp"

#include <algorithm>
#include <cmath>

namespace fvattn::sta {
namespace {

constexpr int kCell = 5, kMargin = 8, kLegend = 130, kSwatch = 10;
constexpr video::Colour kPaper{255, 255, 255}, kInk{32, 32, 32}, kMissing{0, 0, 0};

/// Far apart in hue for any number of windows: steps of the golden ratio.
video::Colour colour_of(size_t index) {
  const double hue = std::fmod(0.58 + 0.618033988749895 * static_cast<double>(index), 1.0) * 6;
  const double value = index % 2 ? 0.72 : 0.92;
  video::Colour colour{};
  const double offsets[] = {5, 3, 1};
  for (size_t i = 0; i < 3; ++i) {
    const double k = std::fmod(offsets[i] + hue, 6.0);
    colour[i] = static_cast<uint8_t>(255 * value * (1 - 0.75 * std::clamp(std::min(k, 4 - k), 0.0, 1.0)));
  }
  return colour;
}

void fill(video::Picture& picture, int left, int top, int size, video::Colour colour) {
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) picture.set(left + x, top + y, colour);
}

}  // namespace

video::Picture strategy_picture(const Strategy& s, const std::vector<Window>& windows) {
  const int width = std::max(s.heads * kCell, 8 * video::kLabelAdvance), height = s.layers * kCell + video::kLabelHeight + 2;
  const double wanted = std::sqrt(static_cast<double>(s.steps) * height / width);
  const int columns = std::clamp(static_cast<int>(std::lround(wanted)), 1, std::max(1, s.steps)),
            rows = (s.steps + columns - 1) / columns;
  const int legend = static_cast<int>(windows.size()) * (kSwatch + 4) + kMargin;
  const video::Size size{kMargin + columns * (width + kMargin) + kLegend,
                         std::max(kMargin + rows * (height + kMargin), legend)};
  video::Picture picture(size, kPaper);
  for (int t = 0; t < s.steps; ++t) {
    const int left = kMargin + t % columns * (width + kMargin), top = kMargin + t / columns * (height + kMargin);
    video::draw_label(picture, "step " + std::to_string(t), left, top, kInk);
    for (int l = 0; l < s.layers; ++l)
      for (int h = 0; h < s.heads; ++h) {
        const auto at = std::find(windows.begin(), windows.end(), s.at(t, l, h));
        fill(picture, left + h * kCell, top + video::kLabelHeight + 2 + l * kCell, kCell,
             at == windows.end() ? kMissing : colour_of(static_cast<size_t>(at - windows.begin())));
      }
  }
  const int left = kMargin + columns * (width + kMargin);
  for (size_t i = 0; i < windows.size(); ++i) {
    const int top = kMargin + static_cast<int>(i) * (kSwatch + 4);
    fill(picture, left, top, kSwatch, colour_of(i));
    video::draw_label(picture, window_key(windows[i]), left + kSwatch + 4, top + 1, kInk);
  }
  return picture;
}

}  // namespace fvattn::sta
