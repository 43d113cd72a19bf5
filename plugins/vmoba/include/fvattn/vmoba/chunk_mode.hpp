// Which chunks a layer uses: VMoBA lets layers take turns between 1-D, 2-D and 3-D chunks.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace fvattn::vmoba {

enum class ChunkMode { temporal, spatial, spatio_temporal };

/// The turns: `temporal` layers with 1-D chunks, then `spatial` with 2-D, then `st` with 3-D, and again from the start.
struct LayerCycle {
  std::int64_t temporal = 1, spatial = 1, st = 1;
  std::int64_t first_full_layer = 0;  // the layer that the first turn starts at; earlier ones count backwards
};

/// Throws std::invalid_argument when a count is negative or all are 0.
inline ChunkMode chunk_mode(std::int64_t layer, const LayerCycle& cycle) {
  const std::int64_t turns = cycle.temporal + cycle.spatial + cycle.st;
  if (cycle.temporal < 0 || cycle.spatial < 0 || cycle.st < 0 || turns == 0)
    throw std::invalid_argument("temporal_layer, spatial_layer and st_layer are " + std::to_string(cycle.temporal) + ", " +
                                std::to_string(cycle.spatial) + " and " + std::to_string(cycle.st) +
                                "; counts of 0 or more are accepted, at least one of them above 0");
  const std::int64_t turn = ((layer - cycle.first_full_layer) % turns + turns) % turns;
  if (turn < cycle.temporal) return ChunkMode::temporal;
  return turn < cycle.temporal + cycle.spatial ? ChunkMode::spatial : ChunkMode::spatio_temporal;
}

}  // namespace fvattn::vmoba
