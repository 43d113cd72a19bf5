// Selection in the domain of one (head, query): its chunks, few enough to be sorted.
#pragma once

#include "rule.hpp"

#include <cstddef>
#include <vector>

namespace vmoba {

class RowSelection {
 public:
  /// Gates of `chunks` chunks, `stride` apart. Ties go to the lowest chunk. Gives the chosen chunks without the own one,
  /// valid until the next call.
  struct Chosen {
    const int* chunk;
    int count;
  };
  Chosen choose(const float* gates, std::ptrdiff_t stride, int chunks, int own, const Rule& rule);

 private:
  std::vector<int> others_;
};

}  // namespace vmoba
