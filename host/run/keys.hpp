// Where each parameter travels: the layer, the call, the forward context, the impl, or the backend's metadata.
#pragma once

#include <fvattn/forward_context.hpp>
#include <fvattn/torch/local_attention.hpp>

namespace fvattn::host {

/// The parameters with a place of their own, taken out of the rest.
struct Keys {
  LocalAttentionOptions layer;  // softmax_scale, causal, dropout_p, deterministic, text_length, layer_idx, prefix
  CallOptions call;             // return_lse, dropout_seed
  ForwardContext context;       // current_timestep, total_steps, is_cfg_negative
  bool training = false;
  std::optional<int64_t> current_timestep;
  KeyValues rest;  // options of the impl and metadata: the backend's schemas say which
};

/// INVALID_ARGUMENT naming the key and the kind for a value of the wrong kind.
Result<Keys> sort_keys(KeyValues parameters);

/// `rest` by the schemas of the backend that serves. INVALID_ARGUMENT, with the nearest known key, for a key that it does
/// not take.
struct BackendKeys {
  KeyValues options, metadata;
};
Result<BackendKeys> split_rest(const Keys& keys, const AttentionBackend& backend);

}  // namespace fvattn::host
