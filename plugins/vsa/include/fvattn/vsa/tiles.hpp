// The reference's tiling of a (T, H, W) token grid into blocks: index builders for those who tile tensors themselves.
//
// Blocks are tiles of the grid, row-major; edge blocks are clipped. In the tiled order each block has room for a whole
// tile, its tokens are packed at the front and run in raster order inside the block. Pure functions of their arguments,
// thread-safe; std::invalid_argument for extents that are not positive or too large.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace fvattn::vsa {

/// Extents along frames, rows and columns.
using Triple = std::array<int64_t, 3>;

inline constexpr Triple kTileSize{4, 4, 4};

inline int64_t volume(const Triple& extents) { return extents[0] * extents[1] * extents[2]; }

namespace detail {
inline std::string text(const Triple& t) {
  std::string all(1, '[');
  for (size_t axis = 0; axis < 3; ++axis) all.append(axis ? ", " : "").append(std::to_string(t[axis]));
  return all + "]";
}
/// Positive, and few enough elements for 32-bit indices.
inline void check_extents(const Triple& extents, const char* what) {
  int64_t elements = 1;
  for (const int64_t extent : extents) {
    if (extent < 1 || extent > std::numeric_limits<int32_t>::max() / elements)
      throw std::invalid_argument(std::string(what) + " is " + text(extents) +
                                  "; three positive extents with a product below 2^31 are accepted");
    elements *= extent;
  }
}
inline int64_t clipped(int64_t extent, int64_t tile, int64_t number) {
  const int64_t rest = extent - number * tile;
  return rest < tile ? rest : tile;
}
/// body(tile position) for the tiles of the grid, in order.
template <class Body>
void for_each_tile(const Triple& tiles, Body&& body) {
  for (int64_t t = 0; t < tiles[0]; ++t)
    for (int64_t h = 0; h < tiles[1]; ++h)
      for (int64_t w = 0; w < tiles[2]; ++w) body(Triple{t, h, w});
}
}  // namespace detail

/// Blocks along each axis.
inline Triple num_tiles(const Triple& dit_seq_shape, const Triple& tile_size = kTileSize) {
  detail::check_extents(dit_seq_shape, "dit_seq_shape");
  detail::check_extents(tile_size, "tile_size");
  Triple tiles{};
  for (size_t axis = 0; axis < 3; ++axis) tiles[axis] = (dit_seq_shape[axis] + tile_size[axis] - 1) / tile_size[axis];
  return tiles;
}

/// Tokens of each block, [blocks]. `tiles` is num_tiles(dit_seq_shape, tile_size), as in the reference's argument list.
inline std::vector<int32_t> construct_variable_block_sizes(const Triple& dit_seq_shape, const Triple& tiles,
                                                           const Triple& tile_size = kTileSize) {
  if (const Triple right = num_tiles(dit_seq_shape, tile_size); tiles != right)
    throw std::invalid_argument("num_tiles is " + detail::text(tiles) + "; the grid " + detail::text(dit_seq_shape) +
                                " in tiles of " + detail::text(tile_size) + " has " + detail::text(right));
  std::vector<int32_t> sizes;
  sizes.reserve(static_cast<size_t>(volume(tiles)));
  detail::for_each_tile(tiles, [&](const Triple& at) {
    int64_t size = 1;
    for (size_t axis = 0; axis < 3; ++axis) size *= detail::clipped(dit_seq_shape[axis], tile_size[axis], at[axis]);
    sizes.push_back(static_cast<int32_t>(size));
  });
  return sizes;
}
inline std::vector<int32_t> construct_variable_block_sizes(const Triple& dit_seq_shape) {
  return construct_variable_block_sizes(dit_seq_shape, num_tiles(dit_seq_shape));
}

/// The raster index of each token in block order, [tokens].
inline std::vector<int64_t> get_tile_partition_indices(const Triple& dit_seq_shape, const Triple& tile_size = kTileSize) {
  const Triple& grid = dit_seq_shape;
  std::vector<int64_t> raster;
  const Triple tiles = num_tiles(grid, tile_size);
  raster.reserve(static_cast<size_t>(volume(grid)));
  detail::for_each_tile(tiles, [&](const Triple& at) {
    Triple first{}, last{};
    for (size_t axis = 0; axis < 3; ++axis) {
      first[axis] = at[axis] * tile_size[axis];
      last[axis] = first[axis] + detail::clipped(grid[axis], tile_size[axis], at[axis]);
    }
    for (int64_t t = first[0]; t < last[0]; ++t)
      for (int64_t h = first[1]; h < last[1]; ++h)
        for (int64_t w = first[2]; w < last[2]; ++w) raster.push_back((t * grid[1] + h) * grid[2] + w);
  });
  return raster;
}

/// Its inverse: where each raster token is in block order, [tokens].
inline std::vector<int64_t> get_reverse_tile_partition_indices(const Triple& dit_seq_shape,
                                                               const Triple& tile_size = kTileSize) {
  const std::vector<int64_t> raster = get_tile_partition_indices(dit_seq_shape, tile_size);
  std::vector<int64_t> reverse(raster.size());
  for (size_t i = 0; i < raster.size(); ++i) reverse[static_cast<size_t>(raster[i])] = static_cast<int64_t>(i);
  return reverse;
}

/// The tiled slot of each token in block order, [tokens]: block b has slots [b * max_block_size, ...), tokens first.
inline std::vector<int64_t> get_non_pad_index(const std::vector<int32_t>& variable_block_sizes, int64_t max_block_size) {
  std::vector<int64_t> slots;
  for (size_t block = 0; block < variable_block_sizes.size(); ++block) {
    if (variable_block_sizes[block] < 0 || variable_block_sizes[block] > max_block_size)
      throw std::invalid_argument("block " + std::to_string(block) + " has " + std::to_string(variable_block_sizes[block]) +
                                  " tokens; 0 to max_block_size " + std::to_string(max_block_size) + " are accepted");
    for (int64_t slot = 0; slot < variable_block_sizes[block]; ++slot)
      slots.push_back(static_cast<int64_t>(block) * max_block_size + slot);
  }
  return slots;
}

/// The tiled slot of each raster token, [tokens]: untiling is out[i] = tiled[index[i]].
inline std::vector<int64_t> get_untile_combined_index(const Triple& dit_seq_shape, const Triple& tile_size = kTileSize) {
  const std::vector<int64_t> reverse = get_reverse_tile_partition_indices(dit_seq_shape, tile_size);
  const std::vector<int64_t> slots = get_non_pad_index(
      construct_variable_block_sizes(dit_seq_shape, num_tiles(dit_seq_shape, tile_size), tile_size), volume(tile_size));
  std::vector<int64_t> combined(reverse.size());
  for (size_t i = 0; i < reverse.size(); ++i) combined[i] = slots[static_cast<size_t>(reverse[i])];
  return combined;
}

}  // namespace fvattn::vsa
