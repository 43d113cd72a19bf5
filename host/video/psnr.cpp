#include "video/psnr.hpp"

#include <cmath>
#include <limits>

namespace fvattn::video {

void PsnrMeter::add(const Frame& frame, const Frame& clean) {
  for (size_t i = 0; i < frame.rgb.size(); ++i) {
    const double difference = static_cast<double>(frame.rgb[i]) - static_cast<double>(clean.rgb[i]);
    squared_error_ += difference * difference;
  }
  samples_ += static_cast<int64_t>(frame.rgb.size());
}

double PsnrMeter::value() const {
  if (squared_error_ == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(samples_) / squared_error_);
}

}  // namespace fvattn::video
