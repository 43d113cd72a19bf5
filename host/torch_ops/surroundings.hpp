// What the options of a call mean for its layer and for the context around it.
#pragma once

#include "torch_ops/layer_cache.hpp"

#include <optional>

namespace fvattn::torch_ops {

/// The layer's options for `backend`; what is metadata to it goes to `metadata`. nullptr: the options name no key of a
/// backend. Throws Error for a key that it does not take.
LocalAttentionOptions options_for(const host::Keys& keys, const AttentionBackend* backend, KeyValues& metadata);

/// The context that is open, with what the options say over it; nothing if they say nothing. `backend` is not nullptr where
/// there is metadata.
std::optional<ForwardContext> surroundings(LayerEntry& entry, OptionMetadata& metadata, const AttentionBackend* backend,
                                           const at::Device& device);

}  // namespace fvattn::torch_ops
