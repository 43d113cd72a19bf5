#include "config.hpp"

#include <algorithm>
#include <atomic>

namespace vmoba {

using namespace fvattn::plugin;

namespace {

Grid triple(const KeyValues& values, const char* key) {
  const auto list = values.get<std::vector<int64_t>>(key);
  if (list.size() != 3 || *std::min_element(list.begin(), list.end()) < 1)
    fail(FVATTN_INVALID_ARGUMENT, "the key %s has %zu values; 3 of 1 or more are accepted", key, list.size());
  return {list[0], list[1], list[2]};
}

Grid read_grid(const KeyValues& values) {
  Grid grid{};
  const char* from = nullptr;
  const auto agree = [&](const char* key, const Grid& other) {
    if (from && grid != other)
      fail(FVATTN_INVALID_ARGUMENT, "the keys %s and %s give two token grids; give one", from, key);
    grid = other;
    from = key;
  };
  for (const char* key : {"dit_seq_shape", "patch_resolution"})
    if (values.has(key)) agree(key, triple(values, key));
  if (values.has("raw_latent_shape")) {
    Grid latent = triple(values, "raw_latent_shape");
    const Grid patch = triple(values, "patch_size");
    for (size_t i = 0; i < 3; ++i) {
      if (latent[i] % patch[i] != 0)
        fail(FVATTN_INVALID_ARGUMENT, "raw_latent_shape has %lld on axis %zu, which patch_size %lld does not divide",
             static_cast<long long>(latent[i]), i, static_cast<long long>(patch[i]));
      latent[i] /= patch[i];
    }
    agree("raw_latent_shape", latent);
  }
  if (!from)
    fail(FVATTN_INVALID_ARGUMENT,
         "the token grid is missing: give dit_seq_shape [T, H, W], or raw_latent_shape and patch_size");
  constexpr int64_t kMost = int64_t{1} << 30;
  if (grid[0] > kMost || grid[1] > kMost || grid[2] > kMost || grid[0] * grid[1] > kMost ||
      grid[0] * grid[1] * grid[2] > kMost)
    fail(FVATTN_INVALID_ARGUMENT, "%s has more than %lld tokens", from, static_cast<long long>(kMost));
  return grid;
}

ChunkSize read_size(const KeyValues& values, const char* key) {
  try {
    if (values.kind(key) == FVATTN_I64S) return ChunkSize(values.get<std::vector<int64_t>>(key));
    return ChunkSize(values.get<double>(key));
  } catch (const std::invalid_argument& e) {
    fail(FVATTN_INVALID_ARGUMENT, "the key %s is %s", key, e.what());
  }
}

Rule read_rule(const KeyValues& values) {
  Rule rule{};
  const auto mode = values.get<std::string>("moba_select_mode"), type = values.get<std::string>("moba_threshold_type");
  if (mode != "threshold" && mode != "topk")
    fail(FVATTN_INVALID_ARGUMENT, "Invalid select_mode: %s (moba_select_mode); threshold and topk are accepted",
         mode.c_str());
  rule.mode = mode == "topk" ? SelectMode::topk : SelectMode::threshold;
  const bool known = type == "query_head" || type == "head_global" || type == "overall";
  if (!known && (type != "block" || rule.mode == SelectMode::topk))
    fail(FVATTN_INVALID_ARGUMENT, "Invalid threshold_type: %s (moba_threshold_type); with %s, %s are accepted", type.c_str(),
         mode.c_str(),
         rule.mode == SelectMode::topk ? "query_head, head_global and overall"
                                       : "query_head, block, head_global and overall");
  rule.domain = type == "query_head" ? Domain::query_head
                : type == "block"    ? Domain::block
                : type == "overall"  ? Domain::overall
                                     : Domain::head_global;
  rule.threshold = values.get<double>("moba_threshold");
  if (rule.threshold != rule.threshold) fail(FVATTN_INVALID_ARGUMENT, "moba_threshold is no number; give 0 to 1");
  return rule;
}

bool among(const std::vector<int64_t>& list, int64_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

void say_once(const Config& config) {
  static std::atomic<bool> said{false};
  const bool asked = config.first_full_step != 12 || config.cycle.first_full_layer != 0;
  if (config.full_warmup || !asked || said.exchange(true)) return;
  log(FVATTN_LOG_INFO,
      "first_full_layer only shifts the order of chunk modes and first_full_step does nothing, as in the reference; "
      "full_warmup=true makes the layers and steps below them dense");
}

}  // namespace

Config Config::read(const KeyValues& values) {
  const auto chunking = [&](const char* size, const char* topk) {
    return Chunking{read_size(values, size), values.get<int64_t>(topk), size, topk};
  };
  Config config{read_grid(values),
                {chunking("temporal_chunk_size", "temporal_topk"), chunking("spatial_chunk_size", "spatial_topk"),
                 chunking("st_chunk_size", "st_topk")},
                read_rule(values),
                {values.get<int64_t>("temporal_layer"), values.get<int64_t>("spatial_layer"),
                 values.get<int64_t>("st_layer"), values.get<int64_t>("first_full_layer")},
                values.get<int64_t>("first_full_step"),
                values.get<bool>("full_warmup"),
                values.get<std::vector<int64_t>>("dense_steps"),
                values.get<std::vector<int64_t>>("dense_layers")};
  try {
    fvattn::vmoba::chunk_mode(0, config.cycle);
  } catch (const std::invalid_argument& e) {
    fail(FVATTN_INVALID_ARGUMENT, "%s", e.what());
  }
  const int64_t turns[] = {config.cycle.temporal, config.cycle.spatial, config.cycle.st};
  for (size_t i = 0; i < 3; ++i)
    if (config.rule.mode == SelectMode::topk && turns[i] > 0 && config.chunkings[i].topk < 1)
      fail(FVATTN_INVALID_ARGUMENT, "the key %s is %lld; 1 (the own chunk) or more is accepted",
           config.chunkings[i].topk_key, static_cast<long long>(config.chunkings[i].topk));
  say_once(config);
  return config;
}

bool Config::always_dense(int64_t layer) const {
  return among(dense_layers, layer) || (full_warmup && layer < cycle.first_full_layer);
}

bool Config::dense(int64_t step, int64_t layer) const {
  return always_dense(layer) || among(dense_steps, step) || (full_warmup && step < first_full_step);
}

}  // namespace vmoba
