// Which calls the sm90 engine serves on a Hopper GPU, and with which tiles. Host code.
#pragma once

#include "../chunks/limits.hpp"

#include <fvattn/engine/sm90/chunk_copies.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>

#include <optional>

namespace vmoba::gpu {

inline constexpr int kLargestSm90Dim = 128;

/// 128 gathered queries, two consumers that take turns; one item's last values overlap the next one's first scores. On an
/// H100 topk 8 of 72 chunks 7x5x13 takes 1.5 ms with 96 keys a step.
template <int kHeadDim, int kTileKv>
using Sm90Forward = fvattn::engine::sm90::ForwardConfig<kHeadDim, kTileKv, 2, 2, kHeadDim <= 64 ? 4 : 3,
                                                        kHeadDim <= 64 ? 4 : kTileKv <= 96 ? 3 : 2, 1, true, 4, 1, 64>;

/// Of a step that attends everything: FLASH_ATTN's for long sequences, which are measured.
template <int kHeadDim>
struct Sm90Dense;
template <>
struct Sm90Dense<64> : fvattn::engine::sm90::ForwardConfig<64, 128, 3, 2, 4, 4, 1, true, 4> {};
template <>
struct Sm90Dense<96> : fvattn::engine::sm90::ForwardConfig<96, 128, 2, 2, 3, 2, 1, true, 4> {};
template <>
struct Sm90Dense<128> : fvattn::engine::sm90::ForwardConfig<128, 80, 3, 2, 3, 3, 1, true, 2> {};

/// What the engine asks of both forms. Scales that are not positive, packed sequences, whose chunks the device alone knows,
/// and large head dims stay on the sm80 engine.
inline bool serves_sm90(const fvattn_problem& p) {
  return !is_varlen(p) && p.scale > 0 && p.head_dim <= kLargestSm90Dim;
}

/// How keys are cut for the engine: kTileKv, and the copies of a chunk.
struct Sm90Tiles {
  int tile_kv;
  fvattn::engine::sm90::ChunkCopies copies;

  /// Slots that a chunk's scores are computed for, and what a step costs beside them, in slots: waits, the row maximum's
  /// shuffles, the turn.
  int cost() const {
    constexpr int kStep = 8;
    return copies.tiles_per_chunk() * (tile_kv + kStep);
  }
};

/// Nothing where the sm80 engine serves the gathered queries: also where chunks fill too little of a tile.
std::optional<Sm90Tiles> sm90_tiles(const fvattn_problem& p, const Config& config, const Limits& limits);

}  // namespace vmoba::gpu
