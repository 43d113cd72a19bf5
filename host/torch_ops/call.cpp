#include "torch_ops/call.hpp"

#include "run/problem.hpp"
#include "torch_ops/layer_cache.hpp"

#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/autograd.h>

namespace fvattn::torch_ops {
namespace {

LayerCache& cache() {
  static auto* layers = new LayerCache;  // layers outlive every static: a plugin's table may be gone at exit
  return *layers;
}

std::shared_ptr<Served> make_served(const host::Keys& keys, const AttentionBackend* backend) {
  auto served = std::make_shared<Served>();
  LocalAttentionOptions options = keys.layer;
  if (backend != nullptr) {
    host::BackendKeys split = host::split_rest(keys, *backend).value();
    options.impl_options = std::move(split.options);
    served->metadata = std::move(split.metadata);
  }
  served->layer = LocalAttention(std::move(options));
  served->layer->train(keys.training);
  return served;
}

// What one call needs of the cache.
struct Found {
  std::shared_ptr<LayerEntry> entry;
  std::shared_ptr<Served> served;
  const AttentionBackend* backend = nullptr;  // set if the options are of one backend
};

Found find(const Arguments& arguments, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Extras& extras) {
  if (q.dim() != 4 || k.dim() != 4)
    throw Error(Status::error(Code::invalid_argument, "Expected 4D tensors",
                              std::to_string(q.dim()) + " and " + std::to_string(k.dim()) + " dimensions",
                              "q [B, Sq, H, D], k [B, Skv, Hkv, D], v [B, Skv, Hkv, Dv]"));
  Found found{cache().find(arguments.settings, q.size(2), k.size(2), q.size(3)), nullptr, nullptr};
  if (!found.entry->keys.rest.empty()) {
    const bool record = at::GradMode::is_enabled();
    const Selection selection = record ? host::select_backend(found.entry->keys, q, k, v, extras.tensors).value()
                                       : host::select_backend(found.entry->keys, q.detach(), k, v, extras.tensors).value();
    found.backend = selection.backend;
  }
  const std::lock_guard lock(found.entry->mutex);
  std::shared_ptr<Served>& served = found.entry->served[found.backend];
  if (served == nullptr) served = make_served(found.entry->keys, found.backend);
  found.served = served;
  return found;
}

// The context that is open, with what the options say over it; nothing if they say nothing.
std::optional<ForwardContext> surroundings(const Found& found, const at::Device& device) {
  const host::Keys& keys = found.entry->keys;
  const ForwardContext& given = keys.context;
  const bool steps = keys.current_timestep || given.total_steps != 0 || given.is_cfg_negative;
  if (!steps && found.served->metadata.empty()) return std::nullopt;
  const auto open = find_forward_context();
  ForwardContext context = open != nullptr ? *open : ForwardContext();
  if (keys.current_timestep) context.step = *keys.current_timestep;
  if (given.total_steps != 0) context.total_steps = given.total_steps;
  context.is_cfg_negative = context.is_cfg_negative || given.is_cfg_negative;
  if (found.served->metadata.empty()) return context;
  const Device* at = host::device_of(device).value();
  const std::lock_guard lock(found.entry->mutex);
  auto& built = found.served->built[at];
  if (built == nullptr) built = found.backend->make_builder(*at)->build(found.served->metadata).value();
  context.add(built);
  return context;
}

at::Tensor run(const Arguments& arguments) {
  const at::Tensor &q = arguments.tensors[0], &k = arguments.tensors[1], &v = arguments.tensors[2];
  Extras extras;
  for (size_t i = 0; i < arguments.settings.extra_names.size(); ++i)
    extras.tensors.emplace(arguments.settings.extra_names[i], arguments.tensors[3 + i]);
  const Found found = find(arguments, q, k, v, extras);
  std::optional<ForwardContextScope> scope;
  if (auto context = surroundings(found, q.device())) scope.emplace(std::move(*context));
  AttentionOutputs outputs = found.served->layer->forward_all(q, k, v, extras, found.entry->keys.call);
  if (found.backend != nullptr && outputs.selection.backend != found.backend)
    throw Error(Status::error(Code::internal, "the layer chose another backend than the one whose options were read",
                              outputs.selection.backend->get_name(), found.backend->get_name()));
  return outputs.o;
}

}  // namespace

at::Tensor attend(const Arguments& arguments) {
  try {
    return run(arguments);
  } catch (const Error& error) {
    const std::string text = std::string("fvattn::attention: ") + error.what();
    TORCH_CHECK_VALUE(error.status().code != Code::invalid_argument, text);
    TORCH_CHECK(false, text);
  }
}

std::vector<at::Tensor> differentiate(const at::Tensor& d_o, const Arguments& arguments, at::IntArrayRef wanted) {
  // The caller may stand below autograd, where operations on views are not recorded.
  c10::impl::LocalDispatchKeySet keys = c10::impl::tls_local_dispatch_key_set();
  keys.excluded_ = keys.excluded_ - c10::autograd_dispatch_keyset;
  const c10::impl::ForceDispatchKeyGuard recorded(keys);
  const at::AutoGradMode with_grad(true);
  Arguments leaves{arguments.settings, {}};
  for (const at::Tensor& tensor : arguments.tensors) leaves.tensors.push_back(tensor.detach());
  std::vector<at::Tensor> inputs(leaves.tensors.begin(), leaves.tensors.begin() + 3);
  for (const int64_t i : wanted) inputs.push_back(leaves.tensors[3 + static_cast<size_t>(i)]);
  for (at::Tensor& input : inputs) input.set_requires_grad(true);
  const at::Tensor o = attend(leaves);
  std::vector<at::Tensor> gradients = torch::autograd::grad({o}, inputs, {d_o}, std::nullopt, false, /*allow_unused=*/true);
  for (size_t i = 0; i < gradients.size(); ++i)
    gradients[i] =
        gradients[i].defined() ? gradients[i].contiguous() : at::zeros_like(inputs[i], at::MemoryFormat::Contiguous);
  return gradients;
}

}  // namespace fvattn::torch_ops
