// The call over several ranks: rank 0 has the tensors and gets the result.
#pragma once

#include "ranks/ranks.hpp"
#include "run/call.hpp"

namespace fvattn::host {

/// Names, shapes and dtypes for ranks that do not read the file.
Ranks::Facts facts_of(const Inputs& inputs);
/// Inputs of those shapes on `device` without values.
Inputs inputs_like(const Ranks::Facts& facts, at::Device device);

/// As call_layer, on every rank of more than one: `inputs` whole on rank 0, like them elsewhere. Only rank 0's result has
/// outputs. INVALID_ARGUMENT for what a distributed layer does not do.
Result<CallResult> call_over_ranks(Ranks& ranks, Inputs inputs, Keys keys, const std::string& backend);

}  // namespace fvattn::host
