// What a case showed.
#pragma once

#include "verify/case.hpp"

#include <string>
#include <vector>

namespace fvattn::verify {

/// One number with its limit: a relative error ("o", "lse", "d_q", ...), or 0 and 1 for yes and no ("repeat", "memory").
struct Measured {
  std::string what;
  double value = 0, limit = 0;
  bool ok() const { return value <= limit; }  // false for NaN
};

struct Finding {
  Case c;
  std::string dtype;
  bool refused = false;
  std::string reason;  // why it was refused
  std::vector<Measured> measured;
  std::vector<std::string> failures;  // in words; those of `measured` that are not ok are not repeated here

  bool failed() const;
};

/// Relative error allowed: rounding of the dtype, and of float32 (float64) logits as large as `largest_logit`.
double limit_of(const std::string& what, at::ScalarType dtype, double largest_logit);

}  // namespace fvattn::verify
