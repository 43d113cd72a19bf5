// VMOBA_ATTN on the cpu engine.
#pragma once

#include "../config/config.hpp"

namespace vmoba::cpu {

void plan(const fvattn_problem& p, const Config& config, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);
/// Selects as forward does and says what that attends: a tile is a query row, or a chunk of keys. Where the step is dense,
/// a tile is a whole sequence.
void describe(const fvattn::plugin::Call& call);

}  // namespace vmoba::cpu
