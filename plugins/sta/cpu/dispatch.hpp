// SLIDING_TILE_ATTN on the cpu engine.
#pragma once

#include "../schedule.hpp"

namespace sta::cpu {

void plan(const fvattn_problem& p, const Schedule& schedule, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);

}  // namespace sta::cpu
