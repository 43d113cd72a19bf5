#include "layer_options.hpp"

#include "layer_index.hpp"

#include <cmath>

namespace fvattn {
namespace {

constexpr int64_t kNominalLength = 1024;

[[noreturn]] void refuse(const LocalAttentionOptions& options, std::string what, std::string got, std::string accepted) {
  const std::string who = options.prefix.empty() ? std::string() : "layer " + options.prefix + ": ";
  throw Error(Status::error(Code::invalid_argument, who + std::move(what), std::move(got), std::move(accepted)));
}

// Reads and removes an impl option that travels with the problem.
template <class T>
void take(LocalAttentionOptions& options, const char* key, T& into) {
  const auto found = options.impl_options.find(key);
  if (found == options.impl_options.end()) return;
  if (const auto* i64 = std::get_if<int64_t>(&found->second)) into = static_cast<T>(*i64);
  else if (const auto* f64 = std::get_if<double>(&found->second); f64 != nullptr && std::is_floating_point_v<T>)
    into = static_cast<T>(*f64);
  else refuse(options, std::string("the option '") + key + "' has the wrong kind", to_string(found->second), "a number");
  options.impl_options.erase(found);
}

}  // namespace

LocalAttentionOptions complete(LocalAttentionOptions options) {
  take(options, "dropout_p", options.dropout_p);
  if (options.impl_options.contains("layer_idx")) {
    int64_t index = 0;
    take(options, "layer_idx", index);
    if (!options.layer_index) options.layer_index = index;
  }
  constexpr int64_t kMost = int64_t{1} << 30;
  if (options.num_heads < 1 || options.num_heads > kMost)
    refuse(options, "num_heads is out of range", std::to_string(options.num_heads), "1 and more");
  if (options.head_size < 1 || options.head_size > kMost)
    refuse(options, "head_size is out of range", std::to_string(options.head_size), "1 and more");
  if (options.num_kv_heads == 0) options.num_kv_heads = options.num_heads;
  if (options.num_kv_heads < 1 || options.num_heads % options.num_kv_heads != 0)
    refuse(options, "num_kv_heads must divide num_heads", std::to_string(options.num_kv_heads),
           "a divisor of " + std::to_string(options.num_heads));
  if (options.softmax_scale == 0) options.softmax_scale = 1 / std::sqrt(static_cast<double>(options.head_size));
  if (!std::isfinite(options.softmax_scale))
    refuse(options, "softmax_scale must be finite", std::to_string(options.softmax_scale), "a number");
  if (!(options.dropout_p >= 0 && options.dropout_p < 1))
    refuse(options, "dropout_p is out of range", std::to_string(options.dropout_p), "0 <= p < 1");
  if (!options.layer_index) options.layer_index = layer_index_of(options.prefix).value_or(0);
  if (*options.layer_index < 0 || *options.layer_index > kMost)
    refuse(options, "layer_index is out of range", std::to_string(*options.layer_index), "0 and more");
  return options;
}

LayerShape layer_shape(const LocalAttentionOptions& options) {
  return {options.num_heads, options.num_kv_heads, options.head_size,     options.softmax_scale,
          options.causal,    options.deterministic, static_cast<int32_t>(*options.layer_index)};
}

Request request_of(const LocalAttentionOptions& options) {
  return {options.backend, options.default_backend, options.supported_attention_backends, options.prefix};
}

Problem nominal_problem(const LocalAttentionOptions& options, const LayerShape& shape) {
  Problem problem;
  if (shape.causal) problem.flags |= FVATTN_PROBLEM_CAUSAL;
  if (shape.deterministic) problem.flags |= FVATTN_PROBLEM_NEED_DETERMINISM;
  problem.q_len = problem.kv_len = kNominalLength;
  problem.heads = static_cast<int32_t>(shape.heads);
  problem.kv_heads = static_cast<int32_t>(shape.kv_heads);
  problem.head_dim = problem.v_head_dim = static_cast<int32_t>(shape.head_size);
  problem.layer_index = shape.layer_index;
  problem.scale = shape.scale;
  problem.text_len = options.text_length;
  return problem;
}

}  // namespace fvattn
