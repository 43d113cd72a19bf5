// The constructor arguments of the layers, completed and checked.
#pragma once

#include "problem_builder.hpp"

#include <fvattn/selector.hpp>
#include <fvattn/torch/local_attention.hpp>

namespace fvattn {

/// Defaults filled in, `dropout_p` and `layer_idx` taken out of impl_options. Throws Error for values out of range.
LocalAttentionOptions complete(LocalAttentionOptions options);

LayerShape layer_shape(const LocalAttentionOptions& options);
Request request_of(const LocalAttentionOptions& options);
/// What the impl is made for, and what backend() is asked with before the first call.
Problem nominal_problem(const LocalAttentionOptions& options, const LayerShape& shape);

}  // namespace fvattn
