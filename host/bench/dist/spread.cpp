#include "bench/dist/spread.hpp"

#include <algorithm>
#include <cmath>

namespace fvattn::bench::dist {

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {at(0.5), at(0.1), at(0.9), static_cast<int>(values.size())};
}

}  // namespace fvattn::bench::dist
