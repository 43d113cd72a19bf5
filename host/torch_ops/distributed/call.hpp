// The distributed operator's work: a layer's forward, and its gradients on their own.
#pragma once

#include "torch_ops/distributed/arguments.hpp"

#include <utility>

namespace fvattn::torch_ops {

/// o [B, s, H, Dv] and text_o [B, T, H, Dv] (T = 0 without replicated tokens), recorded by the layer's own autograd node if
/// gradients are wanted. What goes wrong on one rank before the layer is called is told to the others. Throws as attend().
std::tuple<at::Tensor, at::Tensor> attend_over_group(const GroupArguments& arguments);

/// The gradients of q, k, v, of the replicated ones and of the further inputs `wanted`. Computes forward again, with its
/// exchanges: every rank has to.
std::vector<at::Tensor> differentiate_over_group(const at::Tensor& d_o, const at::Tensor& d_text_o,
                                                 const GroupArguments& arguments, at::IntArrayRef wanted);

/// Ends the operations of all ranks of the group, with the reason. Nothing happens where this process has not used it.
void abort_group(const std::string& group, const std::string& reason);

/// CommunicatorStats of this process's end: exchanges, bytes_remote, bytes_local, copies, waits_us; zeros where it has not
/// used the group.
std::vector<int64_t> group_statistics(const std::string& group);

/// A line "name<TAB>fallback reason" for each transport that this process uses over the group: for the CPU, for GPUs.
std::string group_transport(const std::string& group);

}  // namespace fvattn::torch_ops
