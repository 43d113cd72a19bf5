#include "video/generated_clip.hpp"

#include <cmath>

namespace fvattn::video {
namespace {

constexpr Size kDefaultSize{192, 112};
constexpr int64_t kDefaultFrames = 16;

void paint_pixel(float* rgb, float x, float y, float width, float height, float t) {
  const float u = x + 1.5F * t, v = y + 0.5F * t;  // the ground pans
  const float weave = std::sin(0.21F * u) * std::sin(0.17F * v) + 0.5F * std::sin(0.05F * u + 0.08F * v);
  rgb[0] = 118 + 46 * weave;
  rgb[1] = 126 + 38 * weave + 30 * y / height;
  rgb[2] = 104 + 22 * weave - 40 * y / height;

  const float disc_x = width * (0.3F + 0.015F * t), disc_y = height * (0.5F + 0.2F * std::sin(0.3F * t)),
              radius = 0.28F * height;
  const float dx = x - disc_x, dy = y - disc_y;
  if (dx * dx + dy * dy < radius * radius) {
    const bool stripe = std::sin(0.5F * dx + 0.2F * t) > 0;
    rgb[0] = stripe ? 214 : 150, rgb[1] = stripe ? 92 : 48, rgb[2] = 60;
  }
  const float box_x = width * (0.72F - 0.02F * t), box_y = height * 0.3F;
  if (std::fabs(x - box_x) < 0.1F * width && std::fabs(y - box_y) < 0.16F * height) rgb[0] = 48, rgb[1] = 72, rgb[2] = 168;
}

}  // namespace

GeneratedClip::GeneratedClip(const ClipRequest& request) {
  info_.size = request.size.value_or(kDefaultSize);
  info_.frames = request.frames > 0 ? request.frames : kDefaultFrames;
  info_.generated = true;
}

Result<std::optional<Frame>> GeneratedClip::next() {
  if (next_ == info_.frames) return std::optional<Frame>();
  Frame frame(info_.size);
  for (int y = 0; y < info_.size.height; ++y)
    for (int x = 0; x < info_.size.width; ++x)
      paint_pixel(frame.at(x, y), static_cast<float>(x), static_cast<float>(y), static_cast<float>(info_.size.width),
                  static_cast<float>(info_.size.height), static_cast<float>(next_));
  ++next_;
  return std::optional<Frame>(std::move(frame));
}

}  // namespace fvattn::video
