// The arguments of torch.ops.fvattn.distributed_attention, as one value.
#pragma once

#include "torch_ops/arguments.hpp"

#include <tuple>

namespace fvattn::torch_ops {

using MaybeNumbers = std::optional<std::vector<int64_t>>;

/// settings.extra_names are those of the tensors after q, k, v and the replicated ones.
struct GroupArguments {
  Settings settings;
  std::string group;              // ProcessGroup.group_name
  bool text = false;              // tensors: q, k, v, replicated q, k, v, further inputs; false: no replicated ones
  MaybeNumbers sequence_lengths;  // rows of each rank
  std::optional<int64_t> original_seq_len;
  std::vector<at::Tensor> tensors;

  size_t leading() const { return text ? 6 : 3; }
};

/// The operator's C++ signature.
using GroupForward = std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, const at::Tensor&, const at::Tensor&, std::string,
                                                        Text, std::optional<double>, bool, const MaybeTensor&,
                                                        const MaybeTensor&, const MaybeTensor&, const MaybeTensor&, Text,
                                                        Names, MaybeTensors, MaybeNumbers, std::optional<int64_t>);

/// Checks the arguments that only together make sense. Throws ValueError.
GroupArguments gather_for_group(Arguments common, std::string group, const MaybeTensor& replicated_q,
                                const MaybeTensor& replicated_k, const MaybeTensor& replicated_v,
                                MaybeNumbers sequence_lengths, std::optional<int64_t> original_seq_len);

/// The operator, from wherever the dispatcher stands.
std::tuple<at::Tensor, at::Tensor> dispatch_for_group(const GroupArguments& arguments);

}  // namespace fvattn::torch_ops
