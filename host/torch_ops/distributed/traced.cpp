#include "torch_ops/distributed/traced.hpp"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

namespace fvattn::torch_ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kArguments = "fvattn";

using GroupBackward = std::vector<at::Tensor>(const at::Tensor&, const at::Tensor&, at::TensorList, at::IntArrayRef,
                                              std::string, bool, Text, std::optional<double>, bool, Text,
                                              std::vector<std::string>, MaybeNumbers, std::optional<int64_t>);

struct Recorded : torch::CustomClassHolder {
  GroupArguments arguments;  // without its tensors
};

struct TracedGroupFunction : torch::autograd::Function<TracedGroupFunction> {
  static variable_list forward(AutogradContext* node, c10::intrusive_ptr<Recorded> recorded, at::TensorList tensors) {
    node->save_for_backward(tensors.vec());
    GroupArguments arguments = recorded->arguments;
    arguments.tensors = tensors.vec();
    node->saved_data[kArguments] = c10::IValue::make_capsule(std::move(recorded));
    const at::AutoDispatchBelowAutograd below;
    auto [o, text_o] = dispatch_for_group(arguments);
    return {std::move(o), std::move(text_o)};
  }

  static variable_list backward(AutogradContext* node, const variable_list& gradients) {
    const auto capsule = node->saved_data[kArguments].toCapsule();
    const GroupArguments& arguments = static_cast<const Recorded&>(*capsule).arguments;
    const variable_list tensors = node->get_saved_variables();
    const size_t leading = arguments.leading();
    std::vector<int64_t> wanted;
    for (size_t i = leading; i < tensors.size(); ++i)
      if (tensors[i].requires_grad()) wanted.push_back(static_cast<int64_t>(i - leading));
    const std::vector<at::Tensor> given =
        dispatch_backward_for_group(gradients[0], gradients[1], tensors, wanted, arguments);
    variable_list all(1 + tensors.size());  // the first argument of forward is no tensor
    for (size_t i = 0; i < leading; ++i) all[1 + i] = given[i];
    for (size_t i = 0; i < wanted.size(); ++i) all[1 + leading + static_cast<size_t>(wanted[i])] = given[leading + i];
    return all;
  }
};

}  // namespace

std::tuple<at::Tensor, at::Tensor> attend_over_group_traced(GroupArguments arguments) {
  auto recorded = c10::make_intrusive<Recorded>();
  const variable_list tensors = std::move(arguments.tensors);
  recorded->arguments = std::move(arguments);
  variable_list outputs = TracedGroupFunction::apply(std::move(recorded), at::TensorList(tensors));
  return {std::move(outputs[0]), std::move(outputs[1])};
}

std::vector<at::Tensor> dispatch_backward_for_group(const at::Tensor& d_o, const at::Tensor& d_text_o,
                                                    at::TensorList tensors, at::IntArrayRef wanted,
                                                    const GroupArguments& arguments) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("fvattn::distributed_attention_backward", "")
                             .typed<GroupBackward>();
  const Settings& settings = arguments.settings;
  return op.call(d_o, d_text_o, tensors, wanted, arguments.group, arguments.text, settings.backend, settings.scale,
                 settings.causal, settings.options, settings.extra_names, arguments.sequence_lengths,
                 arguments.original_seq_len);
}

}  // namespace fvattn::torch_ops
