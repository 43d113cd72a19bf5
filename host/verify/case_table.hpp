// The cases: a fixed table of corners, and random ones.
#pragma once

#include "verify/case.hpp"

#include <cstdint>

namespace fvattn::verify {

enum class Effort { quick, normal, full };

/// The corners, then random shapes drawn from `seed`: 16, 100 or 1000 of them. Grids come from grid_cases().
std::vector<Case> dense_cases(Effort effort, uint64_t seed);
/// Token grids, even and odd, for backends that choose keys.
std::vector<Case> grid_cases(Effort effort, uint64_t seed);

}  // namespace fvattn::verify
