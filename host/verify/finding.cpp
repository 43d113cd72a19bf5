#include "verify/finding.hpp"

#include <algorithm>

namespace fvattn::verify {

bool Finding::failed() const {
  return !failures.empty() || std::any_of(measured.begin(), measured.end(), [](const Measured& m) { return !m.ok(); });
}

double limit_of(const std::string& what, at::ScalarType dtype, double largest_logit) {
  const bool wide = dtype == at::kDouble, single = dtype == at::kFloat;
  // A logit's rounding error is the relative error of its weight.
  const double of_logits = 8 * largest_logit * (wide ? 0x1p-53 : 0x1p-24);
  if (what == "lse") return (wide || single ? 1e-6 : 1e-4) + 0x1p-22;  // lse is float32 in every dtype
  const double rounding = wide ? 1e-12 : single ? 1e-5 : dtype == at::kHalf ? 1.5e-3 : 8e-3;
  return (what == "o" || what == "o again" ? 1 : 3) * (rounding + of_logits);
}

}  // namespace fvattn::verify
