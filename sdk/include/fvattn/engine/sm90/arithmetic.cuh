// Approximate and packed arithmetic: the sm80 engine's, the instructions are the same.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>

namespace fvattn::engine::sm90 {

using sm80::exp2_fast;
using sm80::pack;

} // namespace fvattn::engine::sm90
