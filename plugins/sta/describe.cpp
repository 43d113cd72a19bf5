// What a call attends, in tiles of the cpu engine: boxes of up to 64 tokens, of which a window's tile has several.
#include "backend.hpp"

#include <fvattn/engine/cpu/describe.hpp>

namespace sta {

using namespace fvattn::plugin;

namespace {

using Tile = fvattn::engine::cpu::DefaultTile;

/// to[row of the call] = its tile.
template <int kRows, class Map>
void write_tiles(const Map& map, int tiles, const std::vector<int>& raster_rows, int64_t rows, int32_t* to) {
  std::vector<int32_t> tile_of(static_cast<size_t>(rows));
  for (int tile = 0; tile < tiles; ++tile)
    for (int slot = 0; slot < kRows; ++slot)
      if (const int row = map.template row<kRows>({}, tile, slot); row != fvattn::engine::kNoRow)
        tile_of[static_cast<size_t>(row)] = tile;
  for (size_t i = 0; i < tile_of.size(); ++i)
    to[i] = tile_of[raster_rows.empty() ? i : static_cast<size_t>(raster_rows[i])];
}

}  // namespace

void SlidingTileAttention::describe(const Call& call) {
  const fvattn_problem& p = call.problem();
  const auto& schedule = call.plan_state<Schedule>();
  const Extent3* windows = schedule.windows_at(call.step(), call.total_steps());
  const auto policy = schedule.policy(windows ? windows : schedule.full(), Tile::kTileQ, Tile::kTileKv);
  const int q_tiles = policy.q_tiles<Tile>(), kv_tiles = policy.kv_tiles<Tile>(), batch = static_cast<int>(p.batch);
  if (const fvattn_tensor* counts = call.find_out("tile_counts")) {
    data<int64_t>(*counts)[0] = q_tiles;
    data<int64_t>(*counts)[1] = kv_tiles;
  }
  if (const fvattn_tensor* out = call.find_out("q_tile"))
    write_tiles<Tile::kTileQ>(policy.q_map, q_tiles, schedule.raster_rows(), p.q_len, data<int32_t>(*out));
  if (const fvattn_tensor* out = call.find_out("k_tile"))
    write_tiles<Tile::kTileKv>(policy.kv_map, kv_tiles, schedule.raster_rows(), p.kv_len, data<int32_t>(*out));
  if (const fvattn_tensor* marks = call.find_out("mask_tiles"))
    fvattn::engine::cpu::mark_tiles(policy, batch, p.heads, data<std::uint8_t>(*marks));
  if (const fvattn_tensor* pairs = call.find_out("pairs"))
    *data<int64_t>(*pairs) = fvattn::engine::cpu::count_pairs(policy, batch, p.heads);
}

}  // namespace sta
