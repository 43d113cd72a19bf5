// Which of the file's further tensors are inputs of the call, and which are metadata.
#pragma once

#include "run/inputs.hpp"

#include <fvattn/context.hpp>

namespace fvattn::host {

struct SortedTensors {
  Tensors extras;    // by the backends' tensor keys, and those of the contract
  Tensors metadata;  // keys of kind tensor
};

/// A name that neither the contract nor a backend knows is FAILED_PRECONDITION with the nearest known one. Plugins are
/// loaded only if a name is not in the contract.
Result<SortedTensors> sort_tensors(const Tensors& others, Registry& registry);

}  // namespace fvattn::host
