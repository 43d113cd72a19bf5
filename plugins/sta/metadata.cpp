#include "metadata.hpp"

#include <fvattn/sta/configuration.hpp>

#include <algorithm>
#include <limits>

namespace sta {

using namespace fvattn::plugin;

namespace {

constexpr int64_t kMost = std::numeric_limits<int>::max() / 4;

[[noreturn]] void refuse(const char* key, const std::string& got, const char* accepted) {
  fail(FVATTN_INVALID_ARGUMENT, "the key %s: got %s; accepted: %s", key, got.c_str(), accepted);
}

std::string text_of(const std::vector<int64_t>& list) {
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) text += (i ? ", " : "") + std::to_string(list[i]);
  return text + "]";
}

Extent3 extents(const KeyValues& values, const char* key) {
  const auto list = values.get<std::vector<int64_t>>(key);
  if (list.size() != 3 || !std::all_of(list.begin(), list.end(), [](int64_t n) { return n >= 1 && n <= kMost; }))
    refuse(key, text_of(list), "three integers of at least 1");
  return {static_cast<int>(list[0]), static_cast<int>(list[1]), static_cast<int>(list[2])};
}

Extent3 grid_of(const KeyValues& values) {
  std::vector<std::pair<const char*, Extent3>> given;
  for (const char* key : {"dit_seq_shape", "patch_resolution"})
    if (values.has(key)) given.emplace_back(key, extents(values, key));
  if (values.has("raw_latent_shape")) {
    const Extent3 raw = extents(values, "raw_latent_shape"), patch = extents(values, "patch_size");
    const Extent3 grid{raw.t / patch.t, raw.h / patch.h, raw.w / patch.w};
    if (grid.t < 1 || grid.h < 1 || grid.w < 1)
      fail(FVATTN_INVALID_ARGUMENT, "the key raw_latent_shape is smaller than one patch_size; nothing is left of the grid");
    given.emplace_back("raw_latent_shape", grid);
  }
  if (given.empty())
    fail(FVATTN_INVALID_ARGUMENT,
         "the key dit_seq_shape is missing: the token grid [T, H, W]; give it, or raw_latent_shape with patch_size");
  for (const auto& [key, grid] : given)
    if (!(grid == given[0].second))
      fail(FVATTN_INVALID_ARGUMENT, "the keys %s and %s name different token grids; one of them is enough",
           given[0].first, key);
  const Extent3 grid = given[0].second;
  if (static_cast<double>(grid.t) * grid.h * grid.w > static_cast<double>(kMost))
    refuse(given[0].first, text_of({grid.t, grid.h, grid.w}), "a grid of fewer than 2^29 tokens");
  return grid;
}

/// The elements of an integer tensor in host memory.
std::vector<int64_t> integers(const fvattn_tensor& t, const char* key) {
  if (dtype(t) == kI32) {
    const auto* first = host_data<int32_t>(t, key);
    return {first, first + numel(t)};
  }
  const auto* first = host_data<int64_t>(t, key);
  return {first, first + numel(t)};
}

Window window_at(const int64_t* at, const char* key, bool may_miss) {
  if (may_miss && at[0] == -1 && at[1] == -1 && at[2] == -1) return fvattn::sta::kNoWindow;
  Window window{};
  for (size_t i = 0; i < 3; ++i) {
    if (at[i] < 1)
      refuse(key, text_of({at[0], at[1], at[2]}),
             may_miss ? "windows of three integers of at least 1, [-1, -1, -1] where one is missing"
                      : "windows of three integers of at least 1");
    window[i] = static_cast<int>(std::min(at[i], kMost));
  }
  return window;
}

/// [t, h, w], or a list of them.
std::vector<Window> windows_of(const KeyValues& values, const char* key) {
  const int32_t kind = values.kind(key);
  if (kind == 0) return {};
  std::vector<int64_t> numbers;
  bool shaped = true;
  if (kind == FVATTN_TENSOR) {
    const auto* tensor = values.get<const fvattn_tensor*>(key);
    shaped = (tensor->ndim == 1 || tensor->ndim == 2) && tensor->shape[tensor->ndim - 1] == 3;
    if (shaped) numbers = integers(*tensor, key);
  } else {
    numbers = values.get<std::vector<int64_t>>(key);
    shaped = numbers.size() == 3;
  }
  if (!shaped || numbers.empty()) refuse(key, "another shape", "[t, h, w] or a list of them, in tiles");
  std::vector<Window> windows;
  for (size_t i = 0; i < numbers.size(); i += 3) windows.push_back(window_at(&numbers[i], key, false));
  return windows;
}

std::shared_ptr<const Strategy> strategy_of(const KeyValues& values) {
  constexpr const char* key = "STA_param";
  if (!values.has(key)) return nullptr;
  if (values.kind(key) == FVATTN_STR) return strategy_of_file(values.get<std::string>(key), "the key STA_param");
  const fvattn_tensor& tensor = *values.get<const fvattn_tensor*>(key);
  if (tensor.ndim != 4 || tensor.shape[3] != 3 || numel(tensor) == 0 || numel(tensor) > kMost)
    refuse(key, "a tensor of " + std::to_string(tensor.ndim) + " dimensions", "[step][layer][head][3], none of them empty");
  const std::vector<int64_t> numbers = integers(tensor, key);
  const auto extent = [&](int i) { return static_cast<int>(tensor.shape[i]); };
  Strategy strategy{extent(0), extent(1), extent(2), {}};
  for (size_t i = 0; i < numbers.size(); i += 3) strategy.windows.push_back(window_at(&numbers[i], key, true));
  return std::make_shared<const Strategy>(std::move(strategy));
}

Mode mode_of(const std::string& text) {
  using fvattn::sta::STA_Mode;
  const auto known = fvattn::sta::sta_mode_from(text);
  if (known == STA_Mode::STA_INFERENCE) return Mode::inference;
  if (known == STA_Mode::STA_SEARCHING) return Mode::searching;
  if (known == STA_Mode::NONE) return Mode::none;
  refuse("STA_mode", "'" + text + "'",
         known ? "STA_inference, STA_searching, None; tuning works on search results: configure_sta, or `fvattn sta tune`"
               : "STA_inference, STA_searching, None");
}

std::vector<int64_t> indices(const KeyValues& values, const char* key) {
  auto list = values.get<std::vector<int64_t>>(key, {});
  if (std::any_of(list.begin(), list.end(), [](int64_t n) { return n < 0; })) refuse(key, text_of(list), "numbers from 0");
  return list;
}

}  // namespace

Metadata::Metadata(const KeyValues& values)
    : grid(grid_of(values)),
      tile(extents(values, "tile_size")),
      mode(mode_of(values.get<std::string>("STA_mode"))),
      rescale_steps(values.get<bool>("STA_rescale_steps")),
      windows(windows_of(values, "window_size")),
      strategy(strategy_of(values)),
      candidates(windows_of(values, "mask_candidates")),
      dense_steps(indices(values, "dense_steps")),
      dense_layers(indices(values, "dense_layers")) {
  const auto layout = values.get<std::string>("layout");
  if (layout != "raster" && layout != "tiled") refuse("layout", "'" + layout + "'", "raster, tiled");
  tiled = layout == "tiled";
  if (!windows.empty() && strategy)
    fail(FVATTN_INVALID_ARGUMENT, "the keys window_size and STA_param both say which windows to use; give one of them");
  if (mode == Mode::searching && candidates.empty())
    fail(FVATTN_INVALID_ARGUMENT, "mask_candidates is required for STA_searching mode");
  if (mode != Mode::searching && !candidates.empty())
    fail(FVATTN_INVALID_ARGUMENT, "the key mask_candidates means something in STA_mode STA_searching only");
}

}  // namespace sta
