// Peak signal to noise ratio of a clip.
#pragma once

#include "video/frame.hpp"

#include <cstdint>

namespace fvattn::video {

/// 10 log10(255^2 / mean squared error) over all samples of all frames given so far.
class PsnrMeter {
 public:
  /// Frames of one size.
  void add(const Frame& frame, const Frame& clean);
  /// Decibels; infinity for equal frames and before the first one.
  double value() const;

 private:
  double squared_error_ = 0;
  int64_t samples_ = 0;
};

}  // namespace fvattn::video
