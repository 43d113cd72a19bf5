// Who attends for denoise, and with which parameters: the same on every rank.
#pragma once

#include "video/parameter_routing.hpp"

#include <fvattn/forward_context.hpp>
#include <fvattn/torch/local_attention.hpp>

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

namespace fvattn::video {

/// The tensors q, k and v of a window: [1, tokens, heads, WindowTokens::kHeadDim].
struct TokenShape {
  std::vector<int64_t> grid;  // frames, rows, columns
  int64_t heads = 0;
  at::ScalarType dtype = at::kFloat;

  int64_t tokens() const { return grid[0] * grid[1] * grid[2]; }
};

struct PreparedAttention {
  Selection selection;
  LocalAttentionOptions options;
  std::shared_ptr<const ForwardContext> surroundings;
  std::vector<std::string> gates;  // inputs that open further branches of the backend
  std::vector<std::string> unused_parameters;
  Status unknown_parameter;  // the error that an unused parameter would be if this backend were alone

  /// A mean over patches is softmax attention alone: a gated branch beside it (pooled blocks, say) is shut with zeros.
  Extras closed_gates(const at::Tensor& q) const;
};

/// Chooses the backend for `request` (the selector's grammar); refusals for these parameters are errors here.
Result<PreparedAttention> prepare_attention(const std::string& request, const KeyValues& parameters, const TokenShape& shape,
                                            const Device& device);

}  // namespace fvattn::video
