// Which calls the sm90 engine serves on a Hopper GPU, and with which tiles. Host code.
#pragma once

#include "blocks_policy.hpp"

#include <fvattn/engine/policies/list.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>
#include <fvattn/engine/sm90/tensor_map_of.hpp>

namespace vsa::gpu {

using Sm90Policy = engine::ListPolicy<engine::BoxMap>;

/// One block a CTA, since each has a list of its own; two CTAs an SM hide each other's softmax. Not measured on a GPU yet.
template <int kHeadDim>
using Sm90Forward = engine::sm90::ForwardConfig<kHeadDim, 64, 1, 1, kHeadDim <= 64 ? 4 : 3, kHeadDim <= 64 ? 4 : 3, 1, false, 0, 2, 72>;

inline constexpr int kLargestSm90Dim = 128;

/// Blocks of 64 raster tokens, as tensor copies bring them.
inline engine::BoxMap sm90_map(const BlockMap& map) { return {map.grid, map.box, 0, 1}; }

/// Lists of blocks of 64 tokens in raster order. Dense steps and other sizes stay on the sm80 engine.
inline bool serves_sm90_forward(const BlockMap& map, bool every, double scale) {
  constexpr int kBlock = 64;
  return !map.tiled && !every && scale > 0 && engine::sm90::fits_copies(sm90_map(map), kBlock, kBlock);
}

}  // namespace vsa::gpu
