// FLASH_ATTN on the cpu engine.
#pragma once

#include <fvattn/plugin.hpp>

namespace flash::cpu {

void plan(const fvattn_problem& p, fvattn::plugin::Plan& plan);
void forward(const fvattn::plugin::Call& call);
void backward(const fvattn::plugin::Call& call);

}  // namespace flash::cpu
