// Which setting would change the outcome of a selection: found by deciding again with one input changed.
#pragma once

#include "rule.hpp"

#include <string>
#include <vector>

namespace fvattn {

/// One sentence a setting, for example "without FASTVIDEO_ATTENTION_BACKEND: org.fvattn.sdpa/TORCH_SDPA (automatic)".
/// Asks backends that were not asked yet, except those that their manifest rules out.
std::vector<std::string> what_would_change(const Inputs& inputs, const Decision& decision, Candidates& candidates);

}  // namespace fvattn
