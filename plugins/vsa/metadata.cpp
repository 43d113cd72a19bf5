#include "metadata.hpp"

#include <fvattn/vsa/top_k.hpp>

#include <cmath>
#include <optional>

namespace vsa {

using namespace fvattn::plugin;

namespace {

constexpr int64_t kMostVolume = 256;  // of a block: the largest tile of the engines

std::optional<Triple> triple(const KeyValues& values, const char* key) {
  if (!values.has(key)) return std::nullopt;
  const auto extents = values.get<Triple>(key);
  int64_t product = 1;
  for (const int64_t extent : extents) {
    if (extent < 1 || extent > std::numeric_limits<int32_t>::max() / product)
      fail(FVATTN_INVALID_ARGUMENT, "%s is %s; three positive extents with a product below 2^31 are accepted", key,
           fvattn::vsa::detail::text(extents).c_str());
    product *= extent;
  }
  return extents;
}

/// The token grid, from whichever key came; two that disagree are an error.
Triple grid_of(const KeyValues& values) {
  const char* from = "dit_seq_shape";
  std::optional<Triple> grid = triple(values, from);
  const auto also = [&](const char* key, const std::optional<Triple>& other) {
    if (grid && other && *grid != *other)
      fail(FVATTN_INVALID_ARGUMENT, "%s gives the token grid %s and %s gives %s; give one of them", from,
           fvattn::vsa::detail::text(*grid).c_str(), key, fvattn::vsa::detail::text(*other).c_str());
    if (!grid && other) grid = other, from = key;
  };
  also("patch_resolution", triple(values, "patch_resolution"));
  if (std::optional<Triple> raw = triple(values, "raw_latent_shape")) {
    const Triple patch = triple(values, "patch_size").value_or(Triple{1, 2, 2});
    for (size_t axis = 0; axis < 3; ++axis) {
      if ((*raw)[axis] < patch[axis])
        fail(FVATTN_INVALID_ARGUMENT, "raw_latent_shape %s is smaller than patch_size %s",
             fvattn::vsa::detail::text(*raw).c_str(), fvattn::vsa::detail::text(patch).c_str());
      (*raw)[axis] /= patch[axis];
    }
    also("raw_latent_shape", raw);
  }
  if (!grid)
    fail(FVATTN_INVALID_ARGUMENT,
         "the key dit_seq_shape is missing; give the token grid [T, H, W], or raw_latent_shape with patch_size");
  return *grid;
}

Triple tile_of(const KeyValues& values) {
  const Triple tile = triple(values, "tile_size").value_or(fvattn::vsa::kTileSize);
  if (fvattn::vsa::volume(tile) > kMostVolume)
    fail(FVATTN_INVALID_ARGUMENT, "tile_size %s has %lld tokens; up to %lld are accepted, [4, 4, 4] and [4, 8, 8] are usual",
         fvattn::vsa::detail::text(tile).c_str(), static_cast<long long>(fvattn::vsa::volume(tile)),
         static_cast<long long>(kMostVolume));
  return tile;
}

bool is_tiled(const KeyValues& values) {
  const auto layout = values.get<std::string>("layout", "raster");
  if (layout != "raster" && layout != "tiled")
    fail(FVATTN_INVALID_ARGUMENT, "layout is '%s'; raster and tiled are accepted", layout.c_str());
  return layout == "tiled";
}

template <class T>
std::vector<double> numbers_of(const fvattn_tensor& t) {
  const T* first = host_data<T>(t, "VSA_sparsity");
  return {first, first + numel(t)};
}

std::vector<double> table_of(const fvattn_tensor& t) {
  if (dtype(t) == kF64) return numbers_of<double>(t);
  if (dtype(t) == kF32) return numbers_of<float>(t);
  if (dtype(t) == kI64) return numbers_of<int64_t>(t);
  return numbers_of<int32_t>(t);
}

}  // namespace

Blocks::Blocks(const Triple& grid_, const Triple& tile_, bool tiled_) : grid(grid_), tile(tile_), tiled(tiled_) {
  const Triple tiles = fvattn::vsa::num_tiles(grid, tile);
  volume = static_cast<int>(fvattn::vsa::volume(tile));
  const int64_t slots = fvattn::vsa::volume(tiles) * volume;
  if (slots > std::numeric_limits<int32_t>::max() / 2)
    fail(FVATTN_INVALID_ARGUMENT, "dit_seq_shape %s has %lld slots in tiles of %s; up to 2^30 are accepted",
         fvattn::vsa::detail::text(grid).c_str(), static_cast<long long>(slots), fvattn::vsa::detail::text(tile).c_str());
  count = static_cast<int>(fvattn::vsa::volume(tiles));
  tokens = fvattn::vsa::volume(grid);
  sizes = fvattn::vsa::construct_variable_block_sizes(grid, tiles, tile);
  rows.assign(static_cast<size_t>(slots), -1);
  const std::vector<int64_t> raster = fvattn::vsa::get_tile_partition_indices(grid, tile),
                             slot = fvattn::vsa::get_non_pad_index(sizes, volume);
  for (size_t i = 0; i < raster.size(); ++i)
    rows[static_cast<size_t>(slot[i])] = static_cast<int32_t>(tiled ? slot[i] : raster[i]);
}

Sparsity::Sparsity(const KeyValues& values) {
  switch (values.kind("VSA_sparsity")) {
    case 0: values_ = {0}; break;
    case FVATTN_TENSOR: {
      const auto& table = *values.get<const fvattn_tensor*>("VSA_sparsity");
      if (table.ndim < 1 || table.ndim > 2)
        fail(FVATTN_INVALID_ARGUMENT, "VSA_sparsity has %d dimensions; [layer] and [step][layer] are accepted", table.ndim);
      per_layer_ = true;
      per_step_ = table.ndim == 2;
      steps_ = per_step_ ? table.shape[0] : 1;
      layers_ = table.shape[table.ndim - 1];
      values_ = table_of(table);
      break;
    }
    case FVATTN_F64S:
    case FVATTN_I64S:
      values_ = values.get<std::vector<double>>("VSA_sparsity");
      per_layer_ = true;
      layers_ = static_cast<int64_t>(values_.size());
      break;
    default: values_ = {values.get<double>("VSA_sparsity")};
  }
  if (values_.empty()) fail(FVATTN_INVALID_ARGUMENT, "VSA_sparsity is empty; a number, or one of each layer, is accepted");
  for (const double value : values_)
    if (!(value >= 0 && value <= 1)) fail(FVATTN_INVALID_ARGUMENT, "VSA_sparsity is %g; 0 to 1 is accepted", value);
}

double Sparsity::at(int64_t step, int64_t layer) const {
  if (per_step_ && (step < 0 || step >= steps_))
    fail(FVATTN_INVALID_ARGUMENT, "VSA_sparsity has values for %lld steps, the step is %lld (current_timestep)",
         static_cast<long long>(steps_), static_cast<long long>(step));
  if (per_layer_ && (layer < 0 || layer >= layers_))
    fail(FVATTN_INVALID_ARGUMENT, "VSA_sparsity has values for %lld layers, the layer is %lld (layer_idx)",
         static_cast<long long>(layers_), static_cast<long long>(layer));
  return values_[static_cast<size_t>((per_step_ ? step * layers_ : 0) + (per_layer_ ? layer : 0))];
}

Metadata::Metadata(const KeyValues& values)
    : blocks_(grid_of(values), tile_of(values), is_tiled(values)),
      sparsity_(values),
      dense_steps_(values.get<std::vector<int64_t>>("dense_steps", {})),
      dense_layers_(values.get<std::vector<int64_t>>("dense_layers", {})),
      reference_topk_(values.get<bool>("reference_topk", false)) {}

int Metadata::kept(int64_t step, int64_t layer) const {
  const double sparsity = sparsity_.at(step, layer);
  return static_cast<int>(reference_topk_ ? fvattn::vsa::reference_top_k(sparsity, blocks_.tokens, blocks_.volume)
                                          : fvattn::vsa::top_k(sparsity, blocks_.count));
}

int Metadata::most_kept(int64_t layer, bool& lists) const {
  int most = 0;
  for (int64_t step = 0; step < sparsity_.steps(); ++step)
    if (const int k = kept(step, layer); k < blocks_.count) most = std::max(most, k), lists = true;
  return most;
}

Schema meta_keys() {
  return Schema()
      .optional("dit_seq_shape", kTakesI64s, "token grid [T, H, W]; its product is the video length")
      .optional("patch_resolution", kTakesI64s, "the same as dit_seq_shape")
      .optional("raw_latent_shape", kTakesI64s, "latent [T, H, W]; the grid is raw_latent_shape // patch_size")
      .key("patch_size", {1, 2, 2}, "latent [t, h, w] of one token, with raw_latent_shape")
      .key("tile_size", {4, 4, 4}, "tokens [t, h, w] of one block, 256 at most")
      .key("layout", "raster", "order of the tokens: raster, or tiled (blocks one after the other, each padded at its tail)")
      .key("VSA_sparsity", 0.0, "share of key blocks left out: a number, a list [layer], or a table [step][layer]")
      .also(kTakesF64s | kTakesI64s | kTakesTensor)
      .key("reference_topk", false, "older rule for the number of blocks: ceil((1 - sparsity) * tokens / block), may be 0")
      .key("dense_steps", Default(std::initializer_list<int64_t>{}), "steps in which every layer attends every key")
      .key("dense_layers", Default(std::initializer_list<int64_t>{}), "layers that attend every key in every step")
      .key("current_timestep", 0, "index of the denoising step", FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP);
}

}  // namespace vsa
