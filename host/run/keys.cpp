#include "run/keys.hpp"

#include "common/parameters.hpp"

#include <fvattn/nearest.hpp>

#include <algorithm>
#include <limits>

namespace fvattn::host {
namespace {

constexpr const char* kPlaced[] = {"softmax_scale",    "causal",        "dropout_p",      "dropout_seed", "training",
                                   "return_lse",       "deterministic", "prefix",         "layer_idx",    "text_length",
                                   "current_timestep", "total_steps",   "is_cfg_negative"};
constexpr const char* kTimestep = "current_timestep";

Status unknown_key(const std::string& key, const Value& value, const AttentionBackend& backend) {
  std::vector<std::string> known(std::begin(kPlaced), std::end(kPlaced));
  for (const Schema* schema : {&backend.metadata_schema(), &backend.option_schema()})
    for (const SchemaKey& entry : schema->keys())
      if (std::find(known.begin(), known.end(), entry.name) == known.end()) known.push_back(entry.name);
  std::string accepted;
  for (const std::string& name : known) accepted += (accepted.empty() ? "" : ", ") + name;
  const std::string near = nearest_name(key, known);
  return Status::error(Code::invalid_argument, backend.get_name() + " does not take the parameter '" + key + "'",
                       to_string(value), accepted, near.empty() ? std::string() : "did you mean '" + near + "'?");
}

}  // namespace

Result<Keys> sort_keys(KeyValues parameters) {
  Keys keys;
  int64_t seed = 0, layer = 0, step = 0;
  double scale = 0;
  const auto seeded = take(parameters, "dropout_seed", seed), layered = take(parameters, "layer_idx", layer);
  const auto stepped = take(parameters, kTimestep, step), scaled = take(parameters, "softmax_scale", scale);
  for (const Result<bool>& taken :
       {seeded, layered, stepped, scaled, take(parameters, "causal", keys.layer.causal),
        take(parameters, "dropout_p", keys.layer.dropout_p), take(parameters, "training", keys.training),
        take(parameters, "return_lse", keys.call.return_lse), take(parameters, "deterministic", keys.layer.deterministic),
        take(parameters, "prefix", keys.layer.prefix), take(parameters, "text_length", keys.layer.text_length),
        take(parameters, "total_steps", keys.context.total_steps),
        take(parameters, "is_cfg_negative", keys.context.is_cfg_negative)})
    if (!taken) return taken.status();
  if (*seeded) keys.call.dropout_seed = seed;
  if (*layered) keys.layer.layer_index = layer;
  if (*stepped) keys.current_timestep = keys.context.step = step;
  // To the layer 0 means its default; the smallest number gives what 0 asks for, equal weights.
  if (*scaled) keys.layer.softmax_scale = scale == 0 ? std::numeric_limits<double>::min() : scale;
  if (keys.layer.text_length < 0)
    return Status::error(Code::invalid_argument, "parameter 'text_length' is negative",
                         std::to_string(keys.layer.text_length), "0 or more");
  if (keys.layer.dropout_p < 0 || keys.layer.dropout_p > 1)
    return Status::error(Code::invalid_argument, "parameter 'dropout_p' is no probability",
                         to_string(Value(keys.layer.dropout_p)), "0 to 1");
  keys.rest = std::move(parameters);
  return keys;
}

Result<BackendKeys> split_rest(const Keys& keys, const AttentionBackend& backend) {
  BackendKeys split;
  for (const auto& [key, value] : keys.rest) {
    if (backend.option_schema().find(key) != nullptr) split.options.emplace(key, value);
    else if (backend.metadata_schema().find(key) != nullptr) split.metadata.emplace(key, value);
    else return unknown_key(key, value, backend);
  }
  // The forward context's step; a backend that lists the key wants to see it as well.
  if (keys.current_timestep && backend.metadata_schema().find(kTimestep) != nullptr)
    split.metadata.emplace(kTimestep, *keys.current_timestep);
  return split;
}

}  // namespace fvattn::host
