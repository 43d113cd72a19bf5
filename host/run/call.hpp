// One call of the layer, with gradients if they are asked for.
#pragma once

#include "run/inputs.hpp"
#include "run/keys.hpp"

namespace fvattn::host {

struct CallResult {
  Tensors outputs;  // by the contract's names
  Selection selection;
  double forward_ms = 0, backward_ms = 0;      // of the one call, plan included
  std::optional<CallDescription> description;  // if the backend says what it attends
};

/// `backend` is the explicit choice, empty for none. The inputs are on the device already. Errors are values; torch's own
/// exceptions pass.
Result<CallResult> call_layer(Inputs& inputs, Keys keys, const std::string& backend);

}  // namespace fvattn::host
