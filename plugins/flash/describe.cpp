// What a call attends, in tiles of 64 queries and 64 keys.
#include "backend.hpp"

#include "gpu/dispatch.hpp"
#include "schedule.hpp"

#include <fvattn/engine/cpu/describe.hpp>

namespace flash {

using namespace fvattn::plugin;

namespace {

void describe_on_host(const Call& call) {
  using Tile = fvattn::engine::cpu::DefaultTile;
  const fvattn_problem& p = call.problem();
  const int64_t q_tiles = (p.q_len + Tile::kTileQ - 1) / Tile::kTileQ,
                kv_tiles = (p.kv_len + Tile::kTileKv - 1) / Tile::kTileKv;
  if (const fvattn_tensor* counts = call.find_out("tile_counts")) {
    data<int64_t>(*counts)[0] = q_tiles;
    data<int64_t>(*counts)[1] = kv_tiles;
  }
  const auto tile_of_rows = [&](const char* name, int64_t rows, int tile) {
    const fvattn_tensor* out = call.find_out(name);
    for (int64_t row = 0; out && row < rows; ++row) data<int32_t>(*out)[row] = static_cast<int32_t>(row / tile);
  };
  tile_of_rows("q_tile", p.q_len, Tile::kTileQ);
  tile_of_rows("k_tile", p.kv_len, Tile::kTileKv);
  const fvattn_tensor *marks = call.find_out("mask_tiles"), *pairs = call.find_out("pairs");
  if (!marks && !pairs) return;
  const int batch = static_cast<int>(p.batch);
  Workspace measured;
  CpuSchedule::measure(p, measured);
  const DeviceBuffer memory = measured.bytes() ? device_alloc(-1, nullptr, measured.bytes()) : DeviceBuffer();
  Workspace workspace(memory.c());
  CpuSchedule(call, workspace).visit([&](const auto& policy) {
    if (marks) fvattn::engine::cpu::mark_tiles(policy, batch, p.heads, data<std::uint8_t>(*marks));
    if (pairs) *data<int64_t>(*pairs) = fvattn::engine::cpu::count_pairs(policy, batch, p.heads);
  });
}

}  // namespace

void FlashAttention::describe(const Call& call) {
  if (on_gpu_)
    gpu::describe(call, describe_on_host);
  else
    describe_on_host(call);
}

}  // namespace flash
