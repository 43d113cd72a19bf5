// How noisy a clip is, when nobody says.
#pragma once

#include "video/frame.hpp"

namespace fvattn::video {

/// Standard deviation of the noise in grey levels: the median of |a - b - c + d| / 2 over 2x2 blocks, which smooth
/// content cancels, over 0.6745 (Donoho's estimate on the finest diagonal Haar band). 0 for a frame below 2x2.
double estimate_noise(const Frame& frame);

}  // namespace fvattn::video
