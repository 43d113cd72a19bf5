#include "run/setup.hpp"

#include "run/problem.hpp"
#include "run/tensors.hpp"

#include <fvattn/torch/tensor_value.hpp>

#include <torch/torch.h>

namespace fvattn::host {
namespace {

Leaves main_leaves(const Inputs& in) {
  Leaves leaves{{"d_q", in.q}, {"d_k", in.k}, {"d_v", in.v}};
  if (in.has_text())
    leaves.insert(leaves.end(), {{"d_text_q", in.text_q}, {"d_text_k", in.text_k}, {"d_text_v", in.text_v}});
  return leaves;
}

Status add_metadata(const Keys& keys, const BackendKeys& split, const Tensors& tensors, const AttentionBackend& backend,
                    const at::Device& at, ForwardContext& context) {
  context = keys.context;
  KeyValues values = split.metadata;
  for (const auto& [name, tensor] : tensors) values[name] = to_value(tensor);
  if (values.empty() && backend.metadata_schema().keys().empty()) return {};
  const Result<const Device*> device = device_of(at);
  if (!device) return device.status();
  auto builder = default_context().metadata_builder(backend.qualified_name(), **device);
  if (!builder) return builder.status();
  (*builder)->prepare();
  auto built = (*builder)->build(values);
  if (!built) return built.status();
  context.add(std::move(*built));
  return {};
}

Status set_layer(const Inputs& in, const std::string& backend_name, Keys& keys) {
  if (in.has_text()) {
    if (keys.layer.text_length != 0)
      return Status::error(Code::invalid_argument,
                           "parameter 'text_length' and the tensors text_q, text_k, text_v say the same thing twice",
                           "text_length " + std::to_string(keys.layer.text_length), "one of both");
    keys.layer.text_length = in.text_q.size(1);
  }
  keys.layer.num_heads = in.q.size(2);
  keys.layer.num_kv_heads = in.k.size(2);
  keys.layer.head_size = in.q.size(3);
  keys.layer.backend = backend_name;
  return {};
}

void add_extra_leaves(const AttentionBackend& backend, Tensors& extras, Leaves& leaves) {
  for (const TensorKey& key : backend.tensor_keys()) {
    const auto extra = extras.find(key.name);
    // Nobody asks for the gradient of a mask, which is as large as the logits.
    if (extra == extras.end() || key.name == "mask" || (key.flags & FVATTN_TENSOR_DIFFERENTIABLE) == 0 ||
        !extra->second.is_floating_point())
      continue;
    extra->second.requires_grad_(true);
    leaves.emplace_back("d_" + key.name, extra->second);
  }
}

}  // namespace

Operands joined_operands(const Inputs& in) {
  Operands all{in.q, in.k, in.v, in.q.size(1), std::nullopt};
  if (!in.has_text()) return all;
  all.text = in.text_q.size(1);
  all.q = at::cat({in.q, in.text_q}, 1);
  all.k = at::cat({in.k, in.text_k}, 1);
  all.v = at::cat({in.v, in.text_v}, 1);
  return all;
}

Result<Setup> set_up(Inputs& in, Keys keys, const std::string& backend_name) {
  Result<SortedTensors> sorted = sort_tensors(in.others, default_context().registry());
  if (!sorted) return sorted.status();
  const torch::AutoGradMode grad_mode(in.wants_gradients());
  Setup setup;
  if (in.wants_gradients()) setup.leaves = main_leaves(in);
  for (const auto& [name, leaf] : setup.leaves) leaf.requires_grad_(true);
  if (Status status = set_layer(in, backend_name, keys); !status.ok()) return status;
  setup.extras = sorted->extras;
  const Operands all = joined_operands(in);
  const Result<Selection> selection = select_backend(keys, all.q, all.k, all.v, setup.extras);
  if (!selection) return selection.status();
  setup.selection = *selection;
  const AttentionBackend& backend = *selection->backend;
  Result<BackendKeys> split = split_rest(keys, backend);
  if (!split) return split.status();
  keys.layer.impl_options = split->options;
  if (in.wants_gradients()) add_extra_leaves(backend, setup.extras, setup.leaves);
  if (Status status = add_metadata(keys, *split, sorted->metadata, backend, in.q.device(), setup.context); !status.ok())
    return status;
  setup.keys = std::move(keys);
  return setup;
}

}  // namespace fvattn::host
