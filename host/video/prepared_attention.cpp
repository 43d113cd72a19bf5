#include "video/prepared_attention.hpp"

#include "video/window_tokens.hpp"

#include <ATen/ops/zeros_like.h>

namespace fvattn::video {
namespace {

Problem problem_of(const TokenShape& shape) {
  Problem problem;
  problem.q_len = problem.kv_len = shape.tokens();
  problem.heads = problem.kv_heads = static_cast<int32_t>(shape.heads);
  problem.head_dim = problem.v_head_dim = WindowTokens::kHeadDim;
  problem.dtype_code = shape.dtype == at::kBFloat16 ? FVATTN_DTYPE_BFLOAT : FVATTN_DTYPE_FLOAT;
  problem.dtype_bits = static_cast<uint8_t>(8 * c10::elementSize(shape.dtype));
  problem.scale = 1;
  return problem;
}

}  // namespace

Extras PreparedAttention::closed_gates(const at::Tensor& q) const {
  Extras extras;
  for (const std::string& gate : gates) extras.tensors[gate] = at::zeros_like(q);
  return extras;
}

Result<PreparedAttention> prepare_attention(const std::string& request, const KeyValues& parameters, const TokenShape& shape,
                                            const Device& device) {
  Request wanted;
  wanted.backend = request;
  const auto selection = default_context().selector().select(wanted, device, problem_of(shape));
  if (!selection) return selection.status();
  const AttentionBackend& backend = *selection->backend;
  auto routed = route_parameters(parameters, backend, shape.grid);
  if (!routed) return routed.status();
  ForwardContext surroundings = std::move(routed->keys.context);
  auto built = backend.make_builder(device)->build(routed->backend.metadata);
  if (!built) return built.status();
  surroundings.add(*built);

  PreparedAttention prepared;
  prepared.selection = *selection;
  prepared.options = std::move(routed->keys.layer);
  prepared.options.num_heads = shape.heads;
  prepared.options.head_size = WindowTokens::kHeadDim;
  prepared.options.softmax_scale = 1;
  prepared.options.backend = request;
  prepared.options.impl_options = std::move(routed->backend.options);
  prepared.surroundings = std::make_shared<const ForwardContext>(std::move(surroundings));
  for (const TensorKey& key : backend.tensor_keys())
    if (key.name.starts_with("gate")) prepared.gates.push_back(key.name);
  prepared.unused_parameters = std::move(routed->unused);
  prepared.unknown_parameter = std::move(routed->unknown);
  return prepared;
}

}  // namespace fvattn::video
