#include "torch_ops/distributed/arguments.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/util/Exception.h>

namespace fvattn::torch_ops {

GroupArguments gather_for_group(Arguments common, std::string group, const MaybeTensor& replicated_q,
                                const MaybeTensor& replicated_k, const MaybeTensor& replicated_v,
                                MaybeNumbers sequence_lengths, std::optional<int64_t> original_seq_len) {
  const MaybeTensor* texts[] = {&replicated_q, &replicated_k, &replicated_v};
  std::vector<at::Tensor> given;
  for (const MaybeTensor* text : texts)
    if (*text && (*text)->defined()) given.push_back(**text);
  TORCH_CHECK_VALUE(given.empty() || given.size() == 3,
                    "fvattn::distributed_attention: replicated tokens come as q, k and v; got ", given.size(),
                    " of them; accepted: all three, or none");
  GroupArguments all{std::move(common.settings), std::move(group),  !given.empty(), std::move(sequence_lengths),
                     original_seq_len,           std::move(common.tensors)};
  all.tensors.insert(all.tensors.begin() + 3, given.begin(), given.end());
  return all;
}

std::tuple<at::Tensor, at::Tensor> dispatch_for_group(const GroupArguments& arguments) {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("fvattn::distributed_attention", "").typed<GroupForward>();
  const auto text = [&](size_t i) { return arguments.text ? MaybeTensor(arguments.tensors[i]) : MaybeTensor(); };
  const Settings& settings = arguments.settings;
  MaybeTensors extras;
  Names names;
  if (!settings.extra_names.empty()) {
    names = settings.extra_names;
    const auto first = arguments.tensors.begin() + static_cast<std::ptrdiff_t>(arguments.leading());
    extras = std::vector<at::Tensor>(first, arguments.tensors.end());
  }
  return op.call(arguments.tensors[0], arguments.tensors[1], arguments.tensors[2], arguments.group, settings.backend,
                 settings.scale, settings.causal, text(3), text(4), text(5), std::nullopt, settings.options, names, extras,
                 arguments.sequence_lengths, arguments.original_seq_len);
}

}  // namespace fvattn::torch_ops
