// The sums of the threshold rule over one domain. Compiles for host and device.
#pragma once

#include <fvattn/engine/portable.hpp>

namespace vmoba {

/// A gate's share grows from 0 (the least of the domain) to 1 (the most). A gate that is no number has share 0.
class Shares {
 public:
  FVATTN_BOTH void widen(float gate) {
    if (!finite(gate)) return;
    if (!any_ || gate < least_) least_ = gate;
    if (!any_ || gate > most_) most_ = gate;
    any_ = true;
  }
  FVATTN_BOTH double norm(float gate) const {
    const double range = static_cast<double>(most_) - least_;
    return finite(gate) ? (static_cast<double>(gate) - least_) / (range <= 1e-6 ? 1 : range) : 0;
  }
  FVATTN_BOTH void add(float gate, bool own) { add_share(norm(gate), own); }
  FVATTN_BOTH void add_share(double share, bool own) {
    total_ += share;
    if (own) own_ += share;
  }
  /// Sees and sums what another part of the domain saw and summed. All parts are widened before the first one sums.
  FVATTN_BOTH void merge(const Shares& other) {
    if (other.any_) widen(other.least_), widen(other.most_);
    total_ += other.total_;
    own_ += other.own_;
  }
  /// What the others must reach beside the own chunks.
  FVATTN_BOTH double remaining(double threshold) const {
    const double rest = threshold - own_ / (total_ + 1e-6);
    return rest > 0 ? rest : 0;
  }
  FVATTN_BOTH bool reached(double sum, double remaining) const { return sum / (total_ + 1e-6) >= remaining; }
  FVATTN_BOTH double total() const { return total_ + 1e-6; }

 private:
  FVATTN_BOTH static bool finite(float gate) { return gate - gate == 0; }

  float least_ = 0, most_ = 0;
  bool any_ = false;
  double total_ = 0, own_ = 0;
};

}  // namespace vmoba
