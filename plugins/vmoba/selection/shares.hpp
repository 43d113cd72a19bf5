// The sums of the threshold rule over one domain.
#pragma once

#include <algorithm>
#include <cmath>

namespace vmoba {

/// A gate's share grows from 0 (the least of the domain) to 1 (the most). A gate that is no number has share 0.
class Shares {
 public:
  void widen(float gate) {
    if (!std::isfinite(gate)) return;
    least_ = any_ ? std::min(least_, gate) : gate;
    most_ = any_ ? std::max(most_, gate) : gate;
    any_ = true;
  }
  double norm(float gate) const {
    const double range = static_cast<double>(most_) - least_;
    return std::isfinite(gate) ? (static_cast<double>(gate) - least_) / (range <= 1e-6 ? 1 : range) : 0;
  }
  void add(float gate, bool own) {
    const double share = norm(gate);
    total_ += share;
    if (own) own_ += share;
  }
  /// What the others must reach beside the own chunks.
  double remaining(double threshold) const { return std::max(0.0, threshold - own_ / (total_ + 1e-6)); }
  bool reached(double sum, double remaining) const { return sum / (total_ + 1e-6) >= remaining; }
  double total() const { return total_ + 1e-6; }

 private:
  float least_ = 0, most_ = 0;
  bool any_ = false;
  double total_ = 0, own_ = 0;
};

}  // namespace vmoba
