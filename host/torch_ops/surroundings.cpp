#include "torch_ops/surroundings.hpp"

#include "run/problem.hpp"

namespace fvattn::torch_ops {

LocalAttentionOptions options_for(const host::Keys& keys, const AttentionBackend* backend, KeyValues& metadata) {
  LocalAttentionOptions options = keys.layer;
  if (backend == nullptr) return options;
  host::BackendKeys split = host::split_rest(keys, *backend).value();
  options.impl_options = std::move(split.options);
  metadata = std::move(split.metadata);
  return options;
}

std::optional<ForwardContext> surroundings(LayerEntry& entry, OptionMetadata& metadata, const AttentionBackend* backend,
                                           const at::Device& device) {
  const host::Keys& keys = entry.keys;
  const ForwardContext& given = keys.context;
  const bool steps = keys.current_timestep || given.total_steps != 0 || given.is_cfg_negative;
  if (!steps && metadata.values.empty()) return std::nullopt;
  const auto open = find_forward_context();
  ForwardContext context = open != nullptr ? *open : ForwardContext();
  if (keys.current_timestep) context.step = *keys.current_timestep;
  if (given.total_steps != 0) context.total_steps = given.total_steps;
  context.is_cfg_negative = context.is_cfg_negative || given.is_cfg_negative;
  if (metadata.values.empty()) return context;
  const Device* at = host::device_of(device).value();
  const std::lock_guard lock(entry.mutex);
  auto& built = metadata.built[at];
  if (built == nullptr) built = backend->make_builder(*at)->build(metadata.values).value();
  context.add(built);
  return context;
}

}  // namespace fvattn::torch_ops
