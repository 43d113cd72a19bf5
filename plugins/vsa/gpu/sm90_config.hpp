// Which calls the sm90 engine serves on a Hopper GPU, and with which tiles. Host code.
#pragma once

#include "blocks_policy.hpp"
#include "sm90_policy.hpp"

#include <fvattn/engine/sm90/backward_config.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>
#include <fvattn/engine/sm90/tensor_map_of.hpp>

namespace vsa::gpu {

/// One block a CTA, since each has a list of its own; two CTAs an SM hide each other's softmax.
template <int kHeadDim>
using Sm90Forward =
    engine::sm90::ForwardConfig<kHeadDim, 64, 1, 1, kHeadDim <= 64 ? 4 : 3, kHeadDim <= 64 ? 4 : 3, 1, false, 0, 2, 72>;

/// One key block a CTA, two CTAs an SM. A tile of two key blocks would walk the union of their lists of query blocks: on
/// random data nearly twice as long as each, half of its products for nothing. Alone, 64 keys take nearly as long on the
/// tensor cores (1280 clocks a query block at head dim 128) as in shared memory (1024 for operands, 64 for dS, 256 for Q and
/// dO), and two CTAs without a common barrier overlap the scores of one with the products of the other. Two consumers that
/// share the key block and the registers of a whole SM would have to add up their d_k and d_v.
template <int kHeadDim>
using Sm90Backward = engine::sm90::BackwardConfig<kHeadDim, 64, 64, kHeadDim <= 64 ? 4 : 2, 2>;

inline constexpr int kLargestSm90Dim = 128;
/// Of a build with all head dims: the others would need a narrower product for d_q in backward.
template <int kHeadDim>
inline constexpr bool kHasSm90Backward = kHeadDim == 64 || kHeadDim == 128;

/// Blocks of 64 tokens in raster order, as tensor copies bring them. Other sizes and layouts stay on the sm80 engine.
inline bool fits_sm90(const BlockMap& map) {
  constexpr int kBlock = 64;
  const engine::BoxMap boxes{map.grid, map.box, 0, 1};
  return !map.tiled && map.blocks() <= engine::SmallDivisor::kMost && engine::sm90::fits_copies(boxes, kBlock, kBlock);
}
/// What a policy of such blocks says, for the sm90 engine.
inline Sm90Policy sm90_policy(const BlocksPolicy& p) {
  const auto map = engine::PowerBoxMap::of(p.q_map.grid, p.q_map.box);
  return {map, map, p.lists, p.inverse, p.every, nullptr, 0};
}

inline bool serves_sm90_forward(const BlockMap& map, double scale) { return scale > 0 && fits_sm90(map); }
/// d_q is summed by atomics there.
inline bool serves_sm90_backward(const BlockMap& map, bool deterministic) { return !deterministic && fits_sm90(map); }

}  // namespace vsa::gpu
