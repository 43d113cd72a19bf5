// A MaskView as a picture: a panel a frame, a cell a token.
#pragma once

#include "plot/mask_view.hpp"
#include "video/picture.hpp"

namespace fvattn::plot {

/// Blue where the query attends, red where it does not, the darker the more of its dense attention lies there; the query
/// itself black, the queries of its tile dotted. `cell`: pixels a token.
video::Picture mask_picture(const MaskView& view, int cell);

}  // namespace fvattn::plot
