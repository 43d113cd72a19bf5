// Lists of tiles per (batch, head, tile), for policies whose schedule is data.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine {

/// list[row * width .. + count[row]) with row = (batch * heads + head) * tiles + tile. Ascending, none twice.
struct TileLists {
  const int *list, *count;
  int heads, tiles, width;

  FVATTN_BOTH long long row(const WorkItem& item) const {
    return (static_cast<long long>(item.batch) * heads + item.head) * tiles + item.q_tile;
  }
  FVATTN_BOTH int size(const WorkItem& item) const { return count[row(item)]; }
  FVATTN_BOTH int at(const WorkItem& item, int step) const { return list[row(item) * width + step]; }
};

/// The inverse, sized by its entries: list[offsets[row] .. offsets[row + 1]), row as above. Ascending.
struct InverseLists {
  const int* list;
  const long long* offsets;  // [batch * heads * tiles + 1]
  int heads, tiles;

  FVATTN_BOTH long long row(const WorkItem& item) const {
    return (static_cast<long long>(item.batch) * heads + item.head) * tiles + item.q_tile;
  }
  FVATTN_BOTH int size(const WorkItem& item) const { return static_cast<int>(offsets[row(item) + 1] - offsets[row(item)]); }
  FVATTN_BOTH int at(const WorkItem& item, int step) const { return list[offsets[row(item)] + step]; }
};

}  // namespace fvattn::engine
