#include "video/noise_estimate.hpp"

#include <algorithm>
#include <cmath>

namespace fvattn::video {

double estimate_noise(const Frame& frame) {
  std::vector<float> details;
  for (int y = 0; y + 1 < frame.size.height; y += 2)
    for (int x = 0; x + 1 < frame.size.width; x += 2)
      for (int c = 0; c < 3; ++c)
        details.push_back(
            std::fabs(frame.at(x, y)[c] - frame.at(x + 1, y)[c] - frame.at(x, y + 1)[c] + frame.at(x + 1, y + 1)[c]) / 2);
  if (details.empty()) return 0;
  const auto middle = details.begin() + static_cast<std::ptrdiff_t>(details.size() / 2);
  std::nth_element(details.begin(), middle, details.end());
  return *middle / 0.6745;
}

}  // namespace fvattn::video
