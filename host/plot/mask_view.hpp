// What one query of a call attends, over the frames, next to where dense attention would look.
#pragma once

#include "run/inputs.hpp"
#include "run/keys.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace fvattn::plot {

struct MaskRequest {
  std::string backend;  // explicit choice, empty for none
  std::vector<int64_t> grid;
  std::optional<std::vector<int64_t>> query;  // [t, h, w]; the middle without
  int64_t batch = 0, head = 0, rows = 1024;   // rows: queries that recall is taken over, at most
};

struct MaskView {
  Selection selection;
  std::vector<int64_t> grid, query;
  int64_t head = 0, batch = 0, text = 0, rows = 0;
  double density = 0;
  double recall = 0, least_recall = 0;  // mean over the rows and heads, and that of the worst of them
  std::vector<double> head_recall;      // mean over batch and rows
  double query_recall = 0;
  std::vector<bool> seen, tile;  // of the grid's tokens: attended by the query; queries of its tile
  std::vector<float> mass;       // of the grid's tokens: of the query's dense attention
};

/// INVALID_ARGUMENT for a grid, query or head that the inputs do not have; UNAVAILABLE when the backend does not say what it
/// attends. The inputs are on their device already.
Result<MaskView> view_mask(host::Inputs& inputs, host::Keys keys, const MaskRequest& request);

}  // namespace fvattn::plot
