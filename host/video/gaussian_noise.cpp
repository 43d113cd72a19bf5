#include "video/gaussian_noise.hpp"

#include <cmath>
#include <numbers>

namespace fvattn::video {

double GaussianNoise::uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }

double GaussianNoise::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(uniform()));
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

void GaussianNoise::add_to(Frame& frame) {
  for (float& sample : frame.rgb) sample += static_cast<float>(sigma_ * normal());
}

}  // namespace fvattn::video
