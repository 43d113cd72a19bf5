#include "torch_ops/traced.hpp"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/TorchDispatchModeTLS.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace fvattn::torch_ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kSettings = "fvattn";

using Forward = at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&, Text, std::optional<double>, bool,
                           const MaybeTensor&, Text, Names, MaybeTensors, Text);
using Backward = std::vector<at::Tensor>(const at::Tensor&, at::TensorList, at::IntArrayRef, Text, std::optional<double>,
                                         bool, Text, std::vector<std::string>);

struct Recorded : torch::CustomClassHolder {
  Settings settings;
};

struct TracedFunction : torch::autograd::Function<TracedFunction> {
  static at::Tensor forward(AutogradContext* node, c10::intrusive_ptr<Recorded> recorded, at::TensorList tensors) {
    node->save_for_backward(tensors.vec());
    const Arguments arguments{recorded->settings, tensors.vec()};
    node->saved_data[kSettings] = c10::IValue::make_capsule(std::move(recorded));
    return redispatch(arguments);
  }

  static variable_list backward(AutogradContext* node, const variable_list& gradients) {
    static const auto op =
        c10::Dispatcher::singleton().findSchemaOrThrow("fvattn::attention_backward", "").typed<Backward>();
    const auto capsule = node->saved_data[kSettings].toCapsule();
    const Settings& settings = static_cast<const Recorded&>(*capsule).settings;
    const variable_list tensors = node->get_saved_variables();
    std::vector<int64_t> wanted;
    for (size_t i = 3; i < tensors.size(); ++i)
      if (tensors[i].requires_grad()) wanted.push_back(static_cast<int64_t>(i) - 3);
    const std::vector<at::Tensor> given = op.call(gradients[0], tensors, wanted, settings.backend, settings.scale,
                                                  settings.causal, settings.options, settings.extra_names);
    variable_list all(1 + tensors.size());  // the first argument of forward is no tensor
    for (size_t i = 0; i < 3; ++i) all[1 + i] = given[i];
    for (size_t i = 0; i < wanted.size(); ++i) all[4 + static_cast<size_t>(wanted[i])] = given[3 + i];
    return all;
  }
};

}  // namespace

bool is_traced(const std::vector<at::Tensor>& tensors) {
  if (c10::impl::TorchDispatchModeTLS::any_modes_set()) return true;
  return std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& tensor) {
    return tensor.is_meta() ||
           tensor.key_set().has_any(c10::DispatchKeySet({c10::DispatchKey::Python, c10::DispatchKey::Functionalize})) ||
           tensor.key_set().has_any(c10::functorch_transforms_ks);
  });
}

at::Tensor attend_traced(Arguments arguments) {
  auto recorded = c10::make_intrusive<Recorded>();
  recorded->settings = std::move(arguments.settings);
  return TracedFunction::apply(std::move(recorded), at::TensorList(arguments.tensors));
}

at::Tensor redispatch(const Arguments& arguments) {
  static const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("fvattn::attention", "").typed<Forward>();
  const at::AutoDispatchBelowAutograd below;
  const Settings& settings = arguments.settings;
  MaybeTensors extras;
  Names names;
  if (!settings.extra_names.empty()) {
    names = settings.extra_names;
    extras = std::vector<at::Tensor>(arguments.tensors.begin() + 3, arguments.tensors.end());
  }
  return op.call(arguments.tensors[0], arguments.tensors[1], arguments.tensors[2], settings.backend, settings.scale,
                 settings.causal, std::nullopt, settings.options, names, extras, std::nullopt);
}

}  // namespace fvattn::torch_ops
