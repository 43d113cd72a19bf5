#include "distributed_function.hpp"

#include "attention_function.hpp"
#include "distributed_forward.hpp"

#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

namespace fvattn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kState = "fvattn";

/// What backward needs besides tensors.
struct Recorded : torch::CustomClassHolder {
  std::shared_ptr<const DistributedCall> call;
  std::vector<std::string> extra_names;     // of the call, as given
  std::vector<std::string> scattered_names;  // of what the backend saw
  std::vector<size_t> wanted;
  uint64_t copies = 0;
  bool text = false;

  size_t inputs() const { return (text ? 6 : 3) + extra_names.size(); }
};

// Other ranks wait for this one: they get to know why it does not come.
template <class Body>
auto or_abort(Communicator& communicator, Body&& body) {
  try {
    return std::move(body()).value();
  } catch (const std::exception& error) {
    communicator.abort(error.what());
    throw;
  }
}

variable_list listed(const ShardedInputs& in) {
  variable_list tensors{in.q, in.k, in.v};
  if (in.text_q.defined()) tensors.insert(tensors.end(), {in.text_q, in.text_k, in.text_v});
  for (const NamedTensor& extra : in.extras) tensors.push_back(extra.tensor);
  return tensors;
}

ShardedInputs sharded(const Recorded& recorded, at::TensorList tensors) {
  ShardedInputs in{tensors[0], tensors[1], tensors[2], {}, {}, {}, {}};
  if (recorded.text) {
    in.text_q = tensors[3];
    in.text_k = tensors[4];
    in.text_v = tensors[5];
  }
  const size_t first = recorded.text ? 6 : 3;
  for (size_t i = 0; i < recorded.extra_names.size(); ++i)
    in.extras.push_back({recorded.extra_names[i], tensors[first + i]});
  return in;
}

struct DistributedFunction : torch::autograd::Function<DistributedFunction> {
  static variable_list forward(AutogradContext* node, c10::intrusive_ptr<Recorded> recorded, at::TensorList tensors) {
    DistributedSaved saved;
    const ShardedInputs in = sharded(*recorded, tensors);
    DistributedResult result = or_abort(*recorded->call->communicator,
                                        [&] { return forward_over_ranks(*recorded->call, in, saved, true); });
    variable_list kept = tensors.vec();
    kept.insert(kept.end(), {saved.scattered.q, saved.scattered.k, saved.scattered.v, saved.o});
    for (const NamedTensor& extra : saved.scattered.extras) {
      recorded->scattered_names.push_back(extra.name);
      kept.push_back(extra.tensor);
    }
    kept.insert(kept.end(), saved.saved.begin(), saved.saved.end());
    node->save_for_backward(std::move(kept));
    recorded->copies = result.copies;
    node->saved_data[kState] = c10::IValue::make_capsule(std::move(recorded));
    variable_list results{result.o};
    if (result.text_o.defined()) results.push_back(result.text_o);
    return results;
  }

  static variable_list backward(AutogradContext* node, const variable_list& gradients) {
    const auto state = node->saved_data[kState].toCapsule();
    const auto& recorded = static_cast<const Recorded&>(*state);
    const variable_list kept = node->get_saved_variables();
    const size_t inputs = recorded.inputs();
    const variable_list given(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(inputs));
    DistributedSaved saved{{kept[inputs], kept[inputs + 1], kept[inputs + 2], {}}, kept[inputs + 3], {}};
    size_t next = inputs + 4;
    for (const std::string& name : recorded.scattered_names) saved.scattered.extras.push_back({name, kept[next++]});
    saved.saved.assign(kept.begin() + static_cast<std::ptrdiff_t>(next), kept.end());
    const ForwardContextScope scope(recorded.call->around.context);
    std::vector<at::Tensor> found = or_abort(*recorded.call->communicator, [&] {
      return backward_over_ranks(*recorded.call, saved, gradients[0], recorded.text ? gradients[1] : at::Tensor(),
                                 sharded(recorded, given), recorded.wanted);
    });

    const size_t before_extras = recorded.text ? 6 : 3;
    variable_list all(1 + inputs);  // the first argument of forward is no tensor
    for (size_t i = 0; i < before_extras; ++i) all[1 + i] = std::move(found[i]);
    for (size_t i = 0; i < recorded.wanted.size(); ++i)
      all[1 + before_extras + recorded.wanted[i]] = std::move(found[before_extras + i]);
    if (at::GradMode::is_enabled() && recorded.call->prepared != nullptr) {
      variable_list leading = given;
      leading.insert(leading.end(), gradients.begin(), gradients.end());
      refuse_double_backward(recorded.call->prepared->backend, leading, all);
    }
    return all;
  }
};

}  // namespace

DistributedResult run_distributed(std::shared_ptr<const DistributedCall> call, const ShardedInputs& inputs,
                                  bool differentiable) {
  if (!differentiable) {
    DistributedSaved unused;
    return or_abort(*call->communicator, [&] { return forward_over_ranks(*call, inputs, unused, false); });
  }
  auto recorded = c10::make_intrusive<Recorded>();
  for (size_t i = 0; i < inputs.extras.size(); ++i) {
    recorded->extra_names.push_back(inputs.extras[i].name);
    if (inputs.extras[i].tensor.requires_grad()) recorded->wanted.push_back(i);
  }
  recorded->text = inputs.text_q.defined();
  recorded->call = std::move(call);
  const variable_list tensors = listed(inputs);
  const variable_list results = DistributedFunction::apply(recorded, at::TensorList(tensors));
  return {results[0], recorded->text ? results[1] : at::Tensor(), recorded->copies};
}

}  // namespace fvattn
