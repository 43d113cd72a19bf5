#include "sm90_config.hpp"

namespace vmoba::gpu {

namespace sm90 = fvattn::engine::sm90;
using fvattn::engine::Extent3;

namespace {

Extent3 extent(const Grid& grid) {
  return {static_cast<int>(grid[0]), static_cast<int>(grid[1]), static_cast<int>(grid[2])};
}

std::optional<sm90::ChunkCopies> copies_of(const fvattn_problem& p, const Config& config, const Limits& limits,
                                             int tile_kv) {
  const ChunkSize& size = config.chunking(p.layer_index).size;
  if (size.dimensions() != 1)
    return sm90::ChunkCopies::of_boxes(extent(config.grid), extent(size.box(config.grid)), tile_kv);
  const int64_t length = std::min(limits.chunk_tokens, p.q_len);
  return sm90::ChunkCopies::of_run(static_cast<int>(p.q_len), static_cast<int>(length), tile_kv);
}

}  // namespace

std::optional<Sm90Tiles> sm90_tiles(const fvattn_problem& p, const Config& config, const Limits& limits) {
  constexpr double kLeastFill = 0.25;  // of a chunk's slots: below that, sm80's small tiles compute less
  if (!serves_sm90(p)) return std::nullopt;
  std::optional<Sm90Tiles> best;
  for (const int tile_kv : {128, 96}) {
    const std::optional<sm90::ChunkCopies> copies = copies_of(p, config, limits, tile_kv);
    if (!copies) continue;
    const double slots = static_cast<double>(copies->tiles_per_chunk()) * tile_kv;
    if (static_cast<double>(std::min(limits.chunk_tokens, p.q_len)) < kLeastFill * slots) continue;
    const Sm90Tiles tiles{tile_kv, *copies};
    if (!best || tiles.cost() < best->cost()) best = tiles;
  }
  return best;
}

}  // namespace vmoba::gpu
