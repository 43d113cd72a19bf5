#include "torch_ops/call.hpp"

#include "run/problem.hpp"
#include "torch_ops/gradients.hpp"
#include "torch_ops/python_error.hpp"
#include "torch_ops/surroundings.hpp"

#include <ATen/core/grad_mode.h>

namespace fvattn::torch_ops {
namespace {

LayerCache& cache() {
  static auto* layers = new LayerCache;  // layers outlive every static: a plugin's table may be gone at exit
  return *layers;
}

std::shared_ptr<Served> make_served(const host::Keys& keys, const AttentionBackend* backend) {
  auto served = std::make_shared<Served>();
  LocalAttentionOptions options = options_for(keys, backend, served->metadata.values);
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

at::Tensor run(const Arguments& arguments) {
  const at::Tensor &q = arguments.tensors[0], &k = arguments.tensors[1], &v = arguments.tensors[2];
  Extras extras;
  for (size_t i = 0; i < arguments.settings.extra_names.size(); ++i)
    extras.tensors.emplace(arguments.settings.extra_names[i], arguments.tensors[3 + i]);
  const Found found = find(arguments, q, k, v, extras);
  std::optional<ForwardContextScope> scope;
  if (auto context = surroundings(*found.entry, found.served->metadata, found.backend, q.device()))
    scope.emplace(std::move(*context));
  AttentionOutputs outputs = found.served->layer->forward_all(q, k, v, extras, found.entry->keys.call);
  if (found.backend != nullptr && outputs.selection.backend != found.backend)
    throw Error(Status::error(Code::internal, "the layer chose another backend than the one whose options were read",
                              outputs.selection.backend->get_name(), found.backend->get_name()));
  return outputs.o;
}

}  // namespace

at::Tensor attend(const Arguments& arguments) {
  return or_python_error("fvattn::attention: ", [&] { return run(arguments); });
}

std::vector<at::Tensor> differentiate(const at::Tensor& d_o, const Arguments& arguments, at::IntArrayRef wanted) {
  return gradients_of(arguments.tensors, 3, wanted, {d_o}, [&](std::vector<at::Tensor> leaves) {
    return std::vector<at::Tensor>{attend({arguments.settings, std::move(leaves)})};
  });
}

}  // namespace fvattn::torch_ops
