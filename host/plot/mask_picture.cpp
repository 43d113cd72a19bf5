#include "plot/mask_picture.hpp"

#include "video/label.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace fvattn::plot {
namespace {

using video::Colour;

constexpr int kMargin = 8, kLine = video::kLabelHeight + 4;
constexpr Colour kPaper{255, 255, 255}, kInk{32, 32, 32};
constexpr Colour kSeen{205, 222, 250}, kSeenFull{10, 40, 140}, kHidden{246, 246, 246}, kHiddenFull{200, 20, 20};

Colour between(const Colour& from, const Colour& to, double share) {
  Colour colour{};
  for (size_t i = 0; i < 3; ++i) colour[i] = static_cast<uint8_t>(std::lround(from[i] + share * (to[i] - from[i])));
  return colour;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

std::vector<std::string> title(const MaskView& view) {
  std::string place;
  for (const int64_t x : view.query) place += (place.empty() ? "" : ",") + std::to_string(x);
  return {view.selection.backend->get_name() + " head " + std::to_string(view.head) + " query " + place,
          "density " + percent(view.density) + ", recall " + percent(view.recall) + ", of this query " +
              percent(view.query_recall),
          "blue attended, red not; dark: dense mass"};
}

}  // namespace

video::Picture mask_picture(const MaskView& view, int cell) {
  const int frames = static_cast<int>(view.grid[0]), height = static_cast<int>(view.grid[1]),
            width = static_cast<int>(view.grid[2]);
  const int panel_width = std::max(width * cell, 8 * video::kLabelAdvance), panel_height = height * cell + kLine;
  const int columns =
      std::clamp(static_cast<int>(std::lround(std::sqrt(1.6 * frames * panel_height / panel_width))), 1, frames);
  const std::vector<std::string> lines = title(view);
  size_t longest = 0;
  for (const std::string& line : lines) longest = std::max(longest, line.size());
  const int head = kMargin + static_cast<int>(lines.size()) * kLine,
            text_width = static_cast<int>(longest) * video::kLabelAdvance;
  video::Picture picture({std::max(kMargin + columns * (panel_width + kMargin), text_width + 2 * kMargin),
                          head + (frames + columns - 1) / columns * (panel_height + kMargin)},
                         kPaper);
  for (size_t i = 0; i < lines.size(); ++i)
    video::draw_label(picture, lines[i], kMargin, kMargin + static_cast<int>(i) * kLine, kInk);

  const double most = std::max(1e-30f, *std::max_element(view.mass.begin(), view.mass.end()));
  const int64_t query = (view.query[0] * height + view.query[1]) * width + view.query[2];
  for (int t = 0; t < frames; ++t) {
    const int left = kMargin + t % columns * (panel_width + kMargin), top = head + t / columns * (panel_height + kMargin);
    video::draw_label(picture, "frame " + std::to_string(t), left, top, kInk);
    for (int token = 0; token < height * width; ++token) {
      const size_t i = static_cast<size_t>(t) * static_cast<size_t>(height * width) + static_cast<size_t>(token);
      const double share = std::sqrt(view.mass[i] / most);  // the eye sees small masses too
      const bool itself = static_cast<int64_t>(i) == query;
      const Colour colour = itself         ? Colour{0, 0, 0}
                            : view.seen[i] ? between(kSeen, kSeenFull, share)
                                           : between(kHidden, kHiddenFull, share);
      const int x0 = left + token % width * cell, y0 = top + kLine + token / width * cell;
      for (int y = 0; y < cell; ++y)
        for (int x = 0; x < cell; ++x) picture.set(x0 + x, y0 + y, colour);
      if (view.tile[i] && !itself) picture.set(x0 + cell / 2, y0 + cell / 2, {0, 0, 0});
    }
  }
  return picture;
}

}  // namespace fvattn::plot
