// The distributed operator while somebody records it; see torch_ops/traced.hpp.
#pragma once

#include "torch_ops/distributed/arguments.hpp"

namespace fvattn::torch_ops {

/// As attend_traced(): forward and backward are operators (distributed_attention, distributed_attention_backward).
std::tuple<at::Tensor, at::Tensor> attend_over_group_traced(GroupArguments arguments);

/// distributed_attention_backward, from wherever the dispatcher stands.
std::vector<at::Tensor> dispatch_backward_for_group(const at::Tensor& d_o, const at::Tensor& d_text_o,
                                                    at::TensorList tensors, at::IntArrayRef wanted,
                                                    const GroupArguments& arguments);

}  // namespace fvattn::torch_ops
