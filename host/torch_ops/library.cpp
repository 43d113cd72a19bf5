// TORCH_LIBRARY(fvattn): the operators and which function serves which kind of tensor.
#include "torch_ops/arguments.hpp"
#include "torch_ops/call.hpp"
#include "torch_ops/distributed/arguments.hpp"
#include "torch_ops/traced.hpp"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <algorithm>

namespace fvattn::torch_ops {
namespace {

bool needs_gradient(at::TensorList tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

// attention with a group is distributed_attention without replicated tokens.
at::Tensor over_group(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Text& backend,
                      const std::optional<double>& scale, bool causal, const MaybeTensor& mask, const Text& options,
                      const Names& extra_names, const MaybeTensors& extras, const std::string& group) {
  return std::get<0>(dispatch_for_group(
      gather_for_group(gather(q, k, v, backend, scale, causal, mask, options, extra_names, extras), group, {}, {}, {},
                       std::nullopt, std::nullopt)));
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, Text backend,
                     std::optional<double> scale, bool causal, const MaybeTensor& mask, Text options, Names extra_names,
                     MaybeTensors extras, Text group_name) {
  if (group_name) return over_group(q, k, v, backend, scale, causal, mask, options, extra_names, extras, *group_name);
  const at::NoGradGuard no_grad;
  return attend(
      gather(q, k, v, std::move(backend), scale, causal, mask, std::move(options), extra_names, extras));
}

at::Tensor attention_autograd(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, Text backend,
                              std::optional<double> scale, bool causal, const MaybeTensor& mask, Text options,
                              Names extra_names, MaybeTensors extras, Text group_name) {
  if (group_name) return over_group(q, k, v, backend, scale, causal, mask, options, extra_names, extras, *group_name);
  Arguments arguments =
      gather(q, k, v, std::move(backend), scale, causal, mask, std::move(options), extra_names, extras);
  if (is_traced(arguments.tensors))
    return needs_gradient(arguments.tensors) ? attend_traced(std::move(arguments)) : redispatch(arguments);
  return attend(arguments);  // the layer records itself
}

at::Tensor attention_meta(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, Text backend,
                          std::optional<double> scale, bool causal, const MaybeTensor& mask, Text options, Names extra_names,
                          MaybeTensors extras, Text group_name) {
  if (group_name) return over_group(q, k, v, backend, scale, causal, mask, options, extra_names, extras, *group_name);
  gather(q, k, v, std::move(backend), scale, causal, mask, std::move(options), extra_names, extras);
  TORCH_CHECK_VALUE(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, "fvattn::attention: Expected 4D tensors; got ", q.dim(),
                    ", ", k.dim(), " and ", v.dim(),
                    " dimensions; accepted: q [B, Sq, H, D], k [B, Skv, Hkv, D], v [B, Skv, Hkv, Dv]");
  return q.new_empty_symint({q.sym_size(0), q.sym_size(1), q.sym_size(2), v.sym_size(3)});
}

std::vector<at::Tensor> backward(const at::Tensor& d_o, at::TensorList tensors, at::IntArrayRef wanted, Text backend,
                                 std::optional<double> scale, bool causal, Text options,
                                 std::vector<std::string> extra_names) {
  return differentiate(d_o, {{std::move(backend), scale, causal, std::move(options), std::move(extra_names)}, tensors.vec()},
                       wanted);
}

std::vector<at::Tensor> backward_meta(const at::Tensor&, at::TensorList tensors, at::IntArrayRef wanted, Text,
                                      std::optional<double>, bool, Text, std::vector<std::string>) {
  std::vector<at::Tensor> gradients;
  const auto add = [&](const at::Tensor& tensor) {
    gradients.push_back(at::empty_like(tensor, at::MemoryFormat::Contiguous));
  };
  for (size_t i = 0; i < 3; ++i) add(tensors[i]);
  for (const int64_t i : wanted) add(tensors[3 + static_cast<size_t>(i)]);
  return gradients;
}

std::vector<at::Tensor> backward_autograd(const at::Tensor& d_o, at::TensorList tensors, at::IntArrayRef wanted,
                                          Text backend, std::optional<double> scale, bool causal, Text options,
                                          std::vector<std::string> extra_names) {
  TORCH_CHECK(!needs_gradient(tensors) && !needs_gradient(d_o),
              "fvattn::attention gives first derivatives only: double backward is not supported. Use torch's own attention "
              "where a gradient of the "
              "gradient is needed.");
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("fvattn::attention_backward", "")
                             .typed<decltype(torch_ops::backward)>();
  const at::AutoDispatchBelowAutograd below;
  return op.call(d_o, tensors, wanted, std::move(backend), scale, causal, std::move(options), std::move(extra_names));
}

}  // namespace
}  // namespace fvattn::torch_ops

TORCH_LIBRARY(fvattn, m) {
  const std::vector<at::Tag> tags{at::Tag::pt2_compliant_tag};
  m.def(
      "attention(Tensor q, Tensor k, Tensor v, *, str? backend=None, float? scale=None, bool is_causal=False, Tensor? "
      "mask=None, "
      "str? options=None, str[]? extra_names=None, Tensor[]? extras=None, str? group_name=None) -> Tensor",
      tags);
  // `tensors`: q, k, v and the further inputs; `wanted`: which of these get a gradient besides d_q, d_k, d_v.
  m.def(
      "attention_backward(Tensor d_o, Tensor[] tensors, int[] wanted, str? backend, float? scale, bool is_causal, str? "
      "options, "
      "str[] extra_names) -> Tensor[]",
      tags);
}

TORCH_LIBRARY_IMPL(fvattn, CPU, m) {
  m.impl("attention", fvattn::torch_ops::attention);
  m.impl("attention_backward", fvattn::torch_ops::backward);
}
TORCH_LIBRARY_IMPL(fvattn, CUDA, m) {
  m.impl("attention", fvattn::torch_ops::attention);
  m.impl("attention_backward", fvattn::torch_ops::backward);
}
TORCH_LIBRARY_IMPL(fvattn, Meta, m) {
  m.impl("attention", fvattn::torch_ops::attention_meta);
  m.impl("attention_backward", fvattn::torch_ops::backward_meta);
}
TORCH_LIBRARY_IMPL(fvattn, Autograd, m) {
  m.impl("attention", fvattn::torch_ops::attention_autograd);
  m.impl("attention_backward", fvattn::torch_ops::backward_autograd);
}
