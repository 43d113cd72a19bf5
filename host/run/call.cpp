#include "run/call.hpp"

#include "ranks/rank_device.hpp"
#include "run/setup.hpp"

#include <torch/torch.h>

#include <chrono>

namespace fvattn::host {
namespace {

using Clock = std::chrono::steady_clock;

void split_rows(const std::string& name, const std::string& text_name, const at::Tensor& rows, const Operands& all,
                Tensors& outputs) {
  outputs[name] = rows.narrow(1, 0, all.video);
  if (all.text) outputs[text_name] = rows.narrow(1, all.video, *all.text);
}

void differentiate(const Inputs& in, const Leaves& leaves, const at::Tensor& o, CallResult& result) {
  at::Tensor d_o = in.d_o;
  if (in.has_text()) d_o = at::cat({in.d_o, in.d_text_o.defined() ? in.d_text_o : at::zeros_like(in.text_q)}, 1);
  std::vector<at::Tensor> inputs;
  for (const auto& [name, leaf] : leaves) inputs.push_back(leaf);
  const Clock::time_point start = Clock::now();
  const std::vector<at::Tensor> gradients =
      torch::autograd::grad({o}, inputs, {d_o}, std::nullopt, false, /*allow_unused=*/true);
  result.backward_ms = ms_since(start, o.device());
  for (size_t i = 0; i < leaves.size(); ++i)
    result.outputs[leaves[i].first] = gradients[i].defined() ? gradients[i] : at::zeros_like(inputs[i]);
}

}  // namespace

Result<CallResult> call_layer(Inputs& in, Keys keys, const std::string& backend_name) {
  auto made = set_up(in, std::move(keys), backend_name);
  if (!made) return made.status();
  Setup& setup = *made;
  const torch::AutoGradMode grad_mode(in.wants_gradients());
  LocalAttention layer(setup.keys.layer);
  layer->train(setup.keys.training);
  const ForwardContextScope scope(setup.context);
  const Operands all = joined_operands(in);
  Extras extras{setup.extras, std::nullopt};

  CallResult result;
  const Clock::time_point start = Clock::now();
  AttentionOutputs outputs = layer->forward_all(all.q, all.k, all.v, extras, setup.keys.call);
  result.forward_ms = ms_since(start, in.q.device());
  result.selection = outputs.selection;
  const AttentionBackend& backend = *setup.selection.backend;
  if (result.selection.backend != &backend)
    return Status::error(Code::internal, "the layer chose another backend than the one whose parameters were read",
                         result.selection.backend->get_name(), backend.get_name());
  result.outputs.insert(outputs.named.begin(), outputs.named.end());
  split_rows("o", "text_o", outputs.o, all, result.outputs);
  if (in.wants_gradients()) differentiate(in, setup.leaves, outputs.o, result);
  if (backend.has_describe()) {
    const torch::NoGradGuard no_grad;
    result.description = layer->describe_call(all.q.detach(), all.k.detach(), all.v.detach(), extras, setup.keys.call);
  }
  return result;
}

}  // namespace fvattn::host
