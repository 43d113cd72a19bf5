#include "run/problem.hpp"

#include <fvattn/torch/tensor_value.hpp>

#include <ATen/ATen.h>

#include <cmath>

namespace fvattn::host {
namespace {

Spec spec_of(const std::string& name, const at::Tensor& tensor) {
  const TensorValue value = to_value(tensor);
  return {name, value.view().dtype_code, value.view().dtype_bits, value.shape()};
}

int64_t longest_of(const at::Tensor& boundaries) {
  return boundaries.size(0) < 2 ? 0 : boundaries.diff().max().item<int64_t>();
}

Problem problem_of(const Keys& keys, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Tensors& extras) {
  Problem problem;
  const Spec element = spec_of("q", q);
  problem.dtype_code = element.dtype_code;
  problem.dtype_bits = element.dtype_bits;
  problem.batch = q.size(0);
  problem.q_len = q.size(1);
  problem.kv_len = k.size(1);
  problem.heads = static_cast<int32_t>(q.size(2));
  problem.kv_heads = static_cast<int32_t>(k.size(2));
  problem.head_dim = static_cast<int32_t>(q.size(3));
  problem.v_head_dim = static_cast<int32_t>(v.size(3));
  problem.scale =
      keys.layer.softmax_scale == 0 ? 1 / std::sqrt(static_cast<double>(problem.head_dim)) : keys.layer.softmax_scale;
  problem.dropout_p = keys.training ? keys.layer.dropout_p : 0;
  problem.text_len = keys.layer.text_length;
  problem.layer_index = static_cast<int32_t>(keys.layer.layer_index.value_or(0));
  if (keys.layer.causal) problem.flags |= FVATTN_PROBLEM_CAUSAL;
  if (keys.layer.deterministic) problem.flags |= FVATTN_PROBLEM_NEED_DETERMINISM;
  if (keys.call.return_lse) problem.flags |= FVATTN_PROBLEM_NEED_LSE;
  bool gradient = q.requires_grad();
  for (const auto& [name, tensor] : extras) {
    problem.extra.push_back(spec_of(name, tensor));
    gradient = gradient || tensor.requires_grad();
  }
  if (gradient) problem.flags |= FVATTN_PROBLEM_NEED_GRAD;
  const auto q_lengths = extras.find("cu_seqlens_q"), k_lengths = extras.find("cu_seqlens_k");
  if (q_lengths != extras.end() && k_lengths != extras.end()) {
    problem.flags |= FVATTN_PROBLEM_VARLEN;
    problem.n_seqs = q_lengths->second.size(0) - 1;
    problem.max_q_len = longest_of(q_lengths->second);
    problem.max_kv_len = longest_of(k_lengths->second);
  }
  return problem;
}

}  // namespace

Result<const Device*> device_of(const at::Device& device) {
  return device_by_name(device.is_cuda() ? "cuda:" + std::to_string(device.index()) : "cpu");
}

Result<Selection> select_backend(const Keys& keys, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const Tensors& extras) {
  const Result<const Device*> device = device_of(q.device());
  if (!device) return device.status();
  Request request;
  request.backend = keys.layer.backend;
  request.layer = keys.layer.prefix;
  return default_context().selector().select(request, **device, problem_of(keys, q, k, v, extras));
}

}  // namespace fvattn::host
