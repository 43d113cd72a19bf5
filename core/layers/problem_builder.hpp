// From the tensors of a call to its Problem: what fits together, and what does not.
#pragma once

#include "named_tensors.hpp"

#include <fvattn/torch/extras.hpp>

namespace fvattn {

/// What the layer itself decides about each of its problems.
struct LayerShape {
  int64_t heads = 0, kv_heads = 0, head_size = 0;
  double scale = 0;
  bool causal = false, deterministic = false;
  int32_t layer_index = 0;
};

/// INVALID_ARGUMENT unless q, k, v are dense 4-D tensors of one floating dtype and device whose batch, lengths and heads
/// agree with each other and with `shape`.
Status check_qkv(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const LayerShape& shape);

/// The problem of checked inputs. Extras are checked for being dense, on the device of q and of a dtype with a name;
/// `cu_seqlens_q` and `cu_seqlens_k` make it a VARLEN problem (and are read, unless `call` says the longest sequence).
Result<Problem> make_problem(const Inputs& inputs, const LayerShape& shape, const CallOptions& call, int64_t text_length);

}  // namespace fvattn
