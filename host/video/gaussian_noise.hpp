// Seeded Gaussian noise that is the same on every machine.
#pragma once

#include "video/frame.hpp"

#include <cstdint>
#include <random>

namespace fvattn::video {

/// Box-Muller over std::mt19937_64, whose numbers the standard fixes (std::normal_distribution's are not). Frames get
/// consecutive stretches of one stream, so their order matters and how they are grouped does not.
class GaussianNoise {
 public:
  /// `sigma` in grey levels of 0..255.
  GaussianNoise(double sigma, uint64_t seed) : sigma_(sigma), engine_(seed) {}
  /// Adds to every sample of every channel, without clamping.
  void add_to(Frame& frame);

 private:
  double uniform();  // in (0, 1)
  double normal();

  double sigma_, spare_ = 0;
  bool has_spare_ = false;
  std::mt19937_64 engine_;
};

}  // namespace fvattn::video
