// The distributed operators: distributed_attention and its backward.
#include "torch_ops/distributed/call.hpp"
#include "torch_ops/distributed/traced.hpp"
#include "torch_ops/traced.hpp"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <algorithm>

namespace fvattn::torch_ops {
namespace {

using Outputs = std::tuple<at::Tensor, at::Tensor>;

bool needs_gradient(at::TensorList tensors) {
  return at::GradMode::is_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& t) { return t.requires_grad(); });
}

/// `Serve` gets the arguments as one value.
template <Outputs (*Serve)(GroupArguments)>
Outputs forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, std::string group_name, Text backend,
                std::optional<double> scale, bool causal, const MaybeTensor& replicated_q, const MaybeTensor& replicated_k,
                const MaybeTensor& replicated_v, const MaybeTensor& mask, Text options, Names extra_names,
                MaybeTensors extras, MaybeNumbers sequence_lengths, std::optional<int64_t> original_seq_len) {
  return Serve(gather_for_group(
      gather(q, k, v, std::move(backend), scale, causal, mask, std::move(options), extra_names, extras),
      std::move(group_name), replicated_q, replicated_k, replicated_v, std::move(sequence_lengths), original_seq_len));
}

Outputs serve(GroupArguments arguments) {
  const at::NoGradGuard no_grad;
  return attend_over_group(arguments);
}

Outputs serve_autograd(GroupArguments arguments) {
  if (!is_traced(arguments.tensors)) return attend_over_group(arguments);  // the layer records itself
  if (needs_gradient(arguments.tensors)) return attend_over_group_traced(std::move(arguments));
  const at::AutoDispatchBelowAutograd below;
  return dispatch_for_group(arguments);
}

Outputs serve_meta(GroupArguments arguments) {
  for (size_t i = 0; i < arguments.leading(); ++i)
    TORCH_CHECK_VALUE(arguments.tensors[i].dim() == 4, "fvattn::distributed_attention: Expected 4D tensors; got ",
                      arguments.tensors[i].dim(),
                      " dimensions; accepted: q [B, s, H, D], k [B, s, Hkv, D], v [B, s, Hkv, Dv]");
  const at::Tensor &q = arguments.tensors[0], &v = arguments.tensors[2];
  const c10::SymInt text = arguments.text ? arguments.tensors[3].sym_size(1) : c10::SymInt(0);
  return {q.new_empty_symint({q.sym_size(0), q.sym_size(1), q.sym_size(2), v.sym_size(3)}),
          q.new_empty_symint({q.sym_size(0), text, q.sym_size(2), v.sym_size(3)})};
}

template <std::vector<at::Tensor> (*Serve)(const at::Tensor&, const at::Tensor&, at::IntArrayRef, const GroupArguments&)>
std::vector<at::Tensor> backward(const at::Tensor& d_o, const at::Tensor& d_text_o, at::TensorList tensors,
                                 at::IntArrayRef wanted, std::string group_name, bool text, Text backend,
                                 std::optional<double> scale, bool causal, Text options,
                                 std::vector<std::string> extra_names, MaybeNumbers sequence_lengths,
                                 std::optional<int64_t> original_seq_len) {
  return Serve(d_o, d_text_o, wanted,
               {{std::move(backend), scale, causal, std::move(options), std::move(extra_names)},
                std::move(group_name),
                text,
                std::move(sequence_lengths),
                original_seq_len,
                tensors.vec()});
}

std::vector<at::Tensor> back(const at::Tensor& d_o, const at::Tensor& d_text_o, at::IntArrayRef wanted,
                             const GroupArguments& arguments) {
  return differentiate_over_group(d_o, d_text_o, arguments, wanted);
}

std::vector<at::Tensor> back_meta(const at::Tensor&, const at::Tensor&, at::IntArrayRef wanted,
                                  const GroupArguments& arguments) {
  std::vector<at::Tensor> gradients;
  const auto add = [&](size_t i) {
    gradients.push_back(at::empty_like(arguments.tensors[i], at::MemoryFormat::Contiguous));
  };
  for (size_t i = 0; i < arguments.leading(); ++i) add(i);
  for (const int64_t i : wanted) add(arguments.leading() + static_cast<size_t>(i));
  return gradients;
}

std::vector<at::Tensor> back_autograd(const at::Tensor& d_o, const at::Tensor& d_text_o, at::IntArrayRef wanted,
                                      const GroupArguments& arguments) {
  TORCH_CHECK(!needs_gradient(arguments.tensors) && !needs_gradient(d_o) && !needs_gradient(d_text_o),
              "fvattn::distributed_attention gives first derivatives only: double backward is not supported. Use torch's "
              "own attention where a gradient of the gradient is needed.");
  const at::AutoDispatchBelowAutograd below;
  return dispatch_backward_for_group(d_o, d_text_o, arguments.tensors, wanted, arguments);
}

}  // namespace
}  // namespace fvattn::torch_ops

TORCH_LIBRARY_FRAGMENT(fvattn, m) {
  const std::vector<at::Tag> tags{at::Tag::pt2_compliant_tag};
  m.def(
      "distributed_attention(Tensor q, Tensor k, Tensor v, str group_name, *, str? backend=None, float? scale=None, bool "
      "is_causal=False, Tensor? replicated_q=None, Tensor? replicated_k=None, Tensor? replicated_v=None, Tensor? mask=None, "
      "str? options=None, str[]? extra_names=None, Tensor[]? extras=None, int[]? sequence_lengths=None, int? "
      "original_seq_len=None) -> (Tensor o, Tensor text_o)",
      tags);
  // `tensors`: q, k, v, with `text` the replicated ones, and the further inputs; `wanted`: which of these get a gradient.
  m.def(
      "distributed_attention_backward(Tensor d_o, Tensor d_text_o, Tensor[] tensors, int[] wanted, str group_name, bool "
      "text, str? backend, float? scale, bool is_causal, str? options, str[] extra_names, int[]? sequence_lengths, int? "
      "original_seq_len) -> Tensor[]",
      tags);
  m.def("abort_group(str group_name, str reason) -> ()", fvattn::torch_ops::abort_group);
  m.def("group_statistics(str group_name) -> int[]", fvattn::torch_ops::group_statistics);
  m.def("group_transport(str group_name) -> str", fvattn::torch_ops::group_transport);
}

TORCH_LIBRARY_IMPL(fvattn, CPU, m) {
  m.impl("distributed_attention", fvattn::torch_ops::forward<fvattn::torch_ops::serve>);
  m.impl("distributed_attention_backward", fvattn::torch_ops::backward<fvattn::torch_ops::back>);
}
TORCH_LIBRARY_IMPL(fvattn, CUDA, m) {
  m.impl("distributed_attention", fvattn::torch_ops::forward<fvattn::torch_ops::serve>);
  m.impl("distributed_attention_backward", fvattn::torch_ops::backward<fvattn::torch_ops::back>);
}
TORCH_LIBRARY_IMPL(fvattn, Meta, m) {
  m.impl("distributed_attention", fvattn::torch_ops::forward<fvattn::torch_ops::serve_meta>);
  m.impl("distributed_attention_backward", fvattn::torch_ops::backward<fvattn::torch_ops::back_meta>);
}
TORCH_LIBRARY_IMPL(fvattn, Autograd, m) {
  m.impl("distributed_attention", fvattn::torch_ops::forward<fvattn::torch_ops::serve_autograd>);
  m.impl("distributed_attention_backward", fvattn::torch_ops::backward<fvattn::torch_ops::back_autograd>);
}
