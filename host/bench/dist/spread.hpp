// How repeated times spread.
#pragma once

#include <vector>

namespace fvattn::bench::dist {

struct Spread {
  double median = 0, p10 = 0, p90 = 0;
  int runs = 0;
};

/// By the nearest rank; all 0 for no values.
Spread spread_of(std::vector<double> values);

}  // namespace fvattn::bench::dist
