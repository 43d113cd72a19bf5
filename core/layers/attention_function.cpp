#include "attention_function.hpp"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <ATen/core/ivalue.h>

#include <algorithm>

namespace fvattn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kState = "fvattn";
constexpr size_t kFirstTensors = 3;  // q, k, v

/// What backward needs besides tensors.
struct Recorded : torch::CustomClassHolder {
  std::shared_ptr<const Prepared> prepared;
  Surroundings around;
  std::vector<std::string> extra_names;
};

template <class T>
T value_or_throw(Result<T> result) {
  return std::move(result).value();
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static variable_list forward(AutogradContext* node, c10::intrusive_ptr<Recorded> recorded, at::TensorList tensors) {
    Inputs inputs{tensors[0], tensors[1], tensors[2], {}};
    for (size_t i = 0; i < recorded->extra_names.size(); ++i)
      inputs.extras.push_back({recorded->extra_names[i], tensors[kFirstTensors + i]});
    ForwardResult result = value_or_throw(run_forward(*recorded->prepared, recorded->around, inputs));

    variable_list kept = tensors.vec(), results{result.o};
    kept.push_back(result.o);
    kept.insert(kept.end(), result.saved.begin(), result.saved.end());
    node->save_for_backward(std::move(kept));
    if (result.lse.defined()) results.push_back(result.lse);
    results.insert(results.end(), result.outputs.begin(), result.outputs.end());
    node->mark_non_differentiable(variable_list(results.begin() + 1, results.end()));
    node->saved_data[kState] = c10::IValue::make_capsule(std::move(recorded));
    return results;
  }

  static variable_list backward(AutogradContext* node, const variable_list& gradients) {
    const auto state = node->saved_data[kState].toCapsule();
    const auto& recorded = static_cast<const Recorded&>(*state);
    const variable_list kept = node->get_saved_variables();
    const size_t extras = recorded.extra_names.size();
    Inputs inputs{kept[0], kept[1], kept[2], {}};
    std::vector<size_t> wanted;
    for (size_t i = 0; i < extras; ++i) {
      inputs.extras.push_back({recorded.extra_names[i], kept[kFirstTensors + i]});
      if (kept[kFirstTensors + i].requires_grad()) wanted.push_back(i);
    }
    const at::Tensor& o = kept[kFirstTensors + extras];
    const std::vector<at::Tensor> saved(kept.begin() + static_cast<std::ptrdiff_t>(kFirstTensors + extras) + 1, kept.end());
    const ForwardContextScope scope(recorded.around.context);
    std::vector<at::Tensor> given =
        value_or_throw(run_backward(*recorded.prepared, recorded.around, inputs, o, gradients[0], saved, wanted));

    variable_list all(1 + kFirstTensors + extras);  // the first argument of forward is no tensor
    for (size_t i = 0; i < kFirstTensors; ++i) all[1 + i] = std::move(given[i]);
    for (size_t i = 0; i < wanted.size(); ++i) all[1 + kFirstTensors + wanted[i]] = std::move(given[kFirstTensors + i]);
    if (at::GradMode::is_enabled()) {
      variable_list inputs(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(kFirstTensors + extras));
      inputs.push_back(gradients[0]);
      refuse_double_backward(recorded.prepared->backend, inputs, all);
    }
    return all;
  }
};

}  // namespace

void refuse_double_backward(const AttentionBackend& backend, const std::vector<at::Tensor>& inputs,
                            std::vector<at::Tensor>& gradients) {
  auto refusal = std::make_shared<torch::autograd::Error>(
      backend.get_name() + " gives first derivatives only: double backward is not supported. "
                           "Use torch's own attention where a gradient of the gradient is needed.",
      torch::autograd::collect_next_edges(inputs));
  for (at::Tensor& gradient : gradients)
    if (gradient.defined()) torch::autograd::set_history(gradient, refusal);
}

bool needs_gradient(const Inputs& inputs) {
  if (!at::GradMode::is_enabled()) return false;
  return inputs.q.requires_grad() || inputs.k.requires_grad() || inputs.v.requires_grad() ||
         std::any_of(inputs.extras.begin(), inputs.extras.end(),
                     [](const NamedTensor& extra) { return extra.tensor.requires_grad(); });
}

Status check_differentiable(const AttentionBackend& backend, const Inputs& inputs) {
  const auto& keys = backend.tensor_keys();
  for (const NamedTensor& extra : inputs.extras) {
    const bool given = std::any_of(keys.begin(), keys.end(), [&](const TensorKey& key) {
      return key.name == extra.name && (key.flags & FVATTN_TENSOR_DIFFERENTIABLE) != 0;
    });
    if (extra.tensor.requires_grad() && !given)
      return Status::error(Code::invalid_argument,
                           backend.get_name() + " gives no gradient for the input '" + extra.name + "'",
                           "requires_grad = true", {}, "detach it");
  }
  return {};
}

ForwardResult differentiable_forward(std::shared_ptr<const Prepared> prepared, const Surroundings& around,
                                     const Inputs& inputs) {
  auto recorded = c10::make_intrusive<Recorded>();
  variable_list tensors{inputs.q, inputs.k, inputs.v};
  for (const NamedTensor& extra : inputs.extras) {
    tensors.push_back(extra.tensor);
    recorded->extra_names.push_back(extra.name);
  }
  recorded->prepared = std::move(prepared);
  recorded->around = around;
  const bool lse = (recorded->prepared->problem.flags & FVATTN_PROBLEM_NEED_LSE) != 0;
  variable_list results = AttentionFunction::apply(std::move(recorded), at::TensorList(tensors));

  ForwardResult result;
  result.o = std::move(results[0]);
  if (lse) result.lse = std::move(results[1]);
  for (size_t i = lse ? 2 : 1; i < results.size(); ++i) result.outputs.push_back(std::move(results[i]));
  return result;
}

}  // namespace fvattn
