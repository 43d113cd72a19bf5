// Everything that is checked about one case in one dtype.
#pragma once

#include "verify/finding.hpp"
#include "verify/subject.hpp"

namespace fvattn::verify {

/// Accuracy of o, lse and gradients against float64; a second run from other memory contents gives the same bits; nobody
/// writes outside of buffers or into inputs; `describe` says what was attended. For a backend that chooses keys, the
/// reference attends what `describe` says. Torch's exceptions pass.
Finding check_case(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator);

/// Laws of attention that need no reference: a constant v comes back; o is linear in v; the order of the keys does not
/// matter; q and scale trade. For exact backends.
Finding check_laws(const Subject& subject, const Case& c, at::ScalarType dtype, at::Generator& generator);

}  // namespace fvattn::verify
