// A case that a backend accepted, ready to run.
#pragma once

#include "verify/finding.hpp"
#include "verify/subject.hpp"

#include <optional>

namespace fvattn::verify {

struct PreparedCase {
  DirectCall call;
  uint32_t flags;
};

/// Asks for `wish` (FVATTN_PROBLEM_NEED_*), then for less. nullopt: `finding` says why the case was refused, or why
/// preparing failed.
std::optional<PreparedCase> prepare_case(const Subject& subject, const Case& c, at::ScalarType dtype, const Guarded& inputs,
                                         uint32_t wish, Finding& finding);

}  // namespace fvattn::verify
