// One problem, forward and all gradients, against the float64 oracle.
#pragma once

#include "oracle.hpp"

namespace vsa_test {

struct Settings {
  double sparsity = 0, sigma = 1;
  bool gate = true;
  Triple tile = fvattn::vsa::kTileSize;
  int64_t input_gap = -1;  // elements between rows of the inputs, when not those of the case
  uint32_t flags = 0;      // of the problem, besides what the check needs
};

/// Exactly k blocks in each row of the mask, and none left out that scores higher than one kept, up to rounding of the
/// scores.
void check_selection(const Case& c, const std::vector<double>& scores, const std::vector<double>& mask, int64_t blocks,
                     int64_t k);

void check(const Triple& shape, const Case& c, const Settings& s);

}  // namespace vsa_test
