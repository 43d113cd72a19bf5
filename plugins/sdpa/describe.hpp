// What a call attends.
#pragma once

#include "tensors.hpp"

namespace fvattn::sdpa {

/// Fills the outputs of fvattn_backend.describe that came. One tile where all is attended; else a tile a row, or a few rows
/// where the sequences are long (a tile then counts as attended if any of its pairs is).
void describe(const Call& call);

}  // namespace fvattn::sdpa
