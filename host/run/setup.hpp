// What a call needs before it is made, from the file and the parameters.
#pragma once

#include "run/inputs.hpp"
#include "run/keys.hpp"

#include <optional>

namespace fvattn::host {

struct Operands {
  at::Tensor q, k, v;  // the text rows appended
  int64_t video = 0;
  std::optional<int64_t> text;  // set when text came in, be it without rows
};
Operands joined_operands(const Inputs& inputs);

/// Inputs that gradients are asked for, by the names of those gradients.
using Leaves = std::vector<std::pair<std::string, at::Tensor>>;

struct Setup {
  Keys keys;  // with the shape, the backend and its options in the layer's
  Selection selection;
  Tensors extras;
  Leaves leaves;  // require gradients; none if they are not asked for
  ForwardContext context;  // with the backend's metadata
};

/// Chooses the backend for the inputs and gives every parameter its place. `inputs` require gradients afterwards if those
/// are asked for. Of the operands only shapes, dtype and device count; of tensors that are metadata the values, too.
Result<Setup> set_up(Inputs& inputs, Keys keys, const std::string& backend);

}  // namespace fvattn::host
