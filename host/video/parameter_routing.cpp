#include "video/parameter_routing.hpp"

#include <algorithm>

namespace fvattn::video {
namespace {

constexpr const char* kGridKey = "dit_seq_shape";
// What denoise decides, because the method is no attention over these tokens otherwise.
constexpr const char* kOwnKeys[] = {kGridKey,      "softmax_scale",    "causal",      "dropout_p",
                                    "text_length", "raw_latent_shape", "patch_size",  "patch_resolution",
                                    "return_lse",  "training",         "dropout_seed"};

bool takes(const AttentionBackend& backend, const std::string& key) {
  return backend.metadata_schema().find(key) != nullptr || backend.option_schema().find(key) != nullptr;
}

}  // namespace

Result<RoutedParameters> route_parameters(const KeyValues& given, const AttentionBackend& backend,
                                          const std::vector<int64_t>& grid) {
  for (const auto& [key, value] : given)
    if (std::any_of(std::begin(kOwnKeys), std::end(kOwnKeys), [&key = key](const char* own) { return key == own; }))
      return Status::error(Code::invalid_argument, "parameter '" + key + "' is set by denoise itself", to_string(value), {},
                           "leave it out");
  Result<host::Keys> sorted = host::sort_keys(given);
  if (!sorted) return sorted.status();
  RoutedParameters routed{std::move(*sorted), {}, {}, {}};
  if (auto strict = host::split_rest(routed.keys, backend); !strict) routed.unknown = strict.status();
  std::erase_if(routed.keys.rest, [&](const auto& entry) {
    if (takes(backend, entry.first)) return false;
    routed.unused.push_back(entry.first);
    return true;
  });
  Result<host::BackendKeys> split = host::split_rest(routed.keys, backend);
  if (!split) return split.status();
  routed.backend = std::move(*split);
  if (backend.metadata_schema().find(kGridKey) != nullptr) routed.backend.metadata.emplace(kGridKey, grid);
  return routed;
}

}  // namespace fvattn::video
