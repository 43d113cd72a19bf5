#include "run/call.hpp"

#include "run/problem.hpp"
#include "run/tensors.hpp"

#include <fvattn/torch/tensor_value.hpp>

#include <torch/torch.h>

#include <chrono>

namespace fvattn::host {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start, const at::Device& device) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Operands {
  at::Tensor q, k, v;  // the text rows appended
  int64_t video = 0;
  std::optional<int64_t> text;  // set when text came in, be it without rows
};

Operands joined_operands(const Inputs& in) {
  Operands all{in.q, in.k, in.v, in.q.size(1), std::nullopt};
  if (!in.has_text()) return all;
  all.text = in.text_q.size(1);
  all.q = at::cat({in.q, in.text_q}, 1);
  all.k = at::cat({in.k, in.text_k}, 1);
  all.v = at::cat({in.v, in.text_v}, 1);
  return all;
}

// Inputs that gradients are asked for, with the names of those gradients.
std::vector<std::pair<std::string, at::Tensor*>> main_leaves(Inputs& in) {
  std::vector<std::pair<std::string, at::Tensor*>> leaves{{"d_q", &in.q}, {"d_k", &in.k}, {"d_v", &in.v}};
  if (in.has_text())
    leaves.insert(leaves.end(), {{"d_text_q", &in.text_q}, {"d_text_k", &in.text_k}, {"d_text_v", &in.text_v}});
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

void split_rows(const std::string& name, const std::string& text_name, const at::Tensor& rows, const Operands& all,
                Tensors& outputs) {
  outputs[name] = rows.narrow(1, 0, all.video);
  if (all.text) outputs[text_name] = rows.narrow(1, all.video, *all.text);
}

void differentiate(const Inputs& in, const std::vector<std::pair<std::string, at::Tensor*>>& leaves, const at::Tensor& o,
                   CallResult& result) {
  at::Tensor d_o = in.d_o;
  if (in.has_text()) d_o = at::cat({in.d_o, in.d_text_o.defined() ? in.d_text_o : at::zeros_like(in.text_q)}, 1);
  std::vector<at::Tensor> inputs;
  for (const auto& [name, leaf] : leaves) inputs.push_back(*leaf);
  const Clock::time_point start = Clock::now();
  const std::vector<at::Tensor> gradients =
      torch::autograd::grad({o}, inputs, {d_o}, std::nullopt, false, /*allow_unused=*/true);
  result.backward_ms = ms_since(start, o.device());
  for (size_t i = 0; i < leaves.size(); ++i)
    result.outputs[leaves[i].first] = gradients[i].defined() ? gradients[i] : at::zeros_like(inputs[i]);
}

}  // namespace

Result<CallResult> call_layer(Inputs& in, Keys keys, const std::string& backend_name) {
  Result<SortedTensors> sorted = sort_tensors(in.others, default_context().registry());
  if (!sorted) return sorted.status();
  auto leaves = main_leaves(in);
  const torch::AutoGradMode grad_mode(in.wants_gradients());
  if (in.wants_gradients())
    for (auto& [name, leaf] : leaves) leaf->requires_grad_(true);
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
  const Operands all = joined_operands(in);
  Extras extras{sorted->extras, std::nullopt};

  const Result<Selection> selection = select_backend(keys, all.q, all.k, all.v, extras.tensors);
  if (!selection) return selection.status();
  const AttentionBackend& backend = *selection->backend;
  Result<BackendKeys> split = split_rest(keys, backend);
  if (!split) return split.status();
  keys.layer.impl_options = split->options;
  LocalAttention layer(keys.layer);
  layer->train(keys.training);
  if (in.wants_gradients())
    for (const TensorKey& key : backend.tensor_keys()) {
      const auto extra = extras.tensors.find(key.name);
      // Nobody asks for the gradient of a mask, which is as large as the logits.
      if (extra == extras.tensors.end() || key.name == "mask" || (key.flags & FVATTN_TENSOR_DIFFERENTIABLE) == 0 ||
          !extra->second.is_floating_point())
        continue;
      extra->second.requires_grad_(true);
      leaves.emplace_back("d_" + key.name, &extra->second);
    }
  ForwardContext context;
  if (Status status = add_metadata(keys, *split, sorted->metadata, backend, in.q.device(), context); !status.ok())
    return status;
  const ForwardContextScope scope(context);

  CallResult result;
  const Clock::time_point start = Clock::now();
  AttentionOutputs outputs = layer->forward_all(all.q, all.k, all.v, extras, keys.call);
  result.forward_ms = ms_since(start, in.q.device());
  result.selection = outputs.selection;
  if (result.selection.backend != &backend)
    return Status::error(Code::internal, "the layer chose another backend than the one whose parameters were read",
                         result.selection.backend->get_name(), backend.get_name());
  result.outputs.insert(outputs.named.begin(), outputs.named.end());
  split_rows("o", "text_o", outputs.o, all, result.outputs);
  if (in.wants_gradients()) differentiate(in, leaves, outputs.o, result);
  if (backend.has_describe()) {
    const torch::NoGradGuard no_grad;
    result.description = layer->describe_call(all.q.detach(), all.k.detach(), all.v.detach(), extras, keys.call);
  }
  return result;
}

}  // namespace fvattn::host
