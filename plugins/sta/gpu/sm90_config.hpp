// Which calls the sm90 engine serves on a Hopper GPU, and with which tiles. Host code.
#pragma once

#include "../schedule.hpp"

#include <fvattn/engine/policies/small_divisor.hpp>
#include <fvattn/engine/sm90/backward_config.hpp>
#include <fvattn/engine/sm90/forward_config.hpp>
#include <fvattn/engine/sm90/tensor_map_of.hpp>

namespace sta::gpu {

/// Boxes of 128 tokens, 2 x 8 x 8 in the shipped tile: its three boxes have the same window, and the two consumers of a
/// CTA share their keys.
template <int kHeadDim>
using Sm90Forward = fvattn::engine::sm90::ForwardConfig<kHeadDim, 128, 2, 2, 3, 2, 1, true, 4, 1, 64>;
template <int kHeadDim>
using Sm90Backward = fvattn::engine::sm90::BackwardConfig<kHeadDim, kHeadDim <= 64 ? 128 : 64, 128, 2>;

inline constexpr int kLargestSm90Dim = 128;

/// Rows in raster order, and tiles that can be cut into boxes that the engine's tensor copies take.
inline bool fits_sm90(const Schedule& schedule, int q_slots, int kv_slots) {
  using fvattn::engine::sm90::fits_copies;
  constexpr int kRows = fvattn::engine::sm90::kRowsPerConsumer;
  if (schedule.tiled()) return false;
  const auto policy = schedule.policy(schedule.full(), q_slots, kv_slots);
  constexpr int kMostBoxes = fvattn::engine::SmallDivisor::kMost;
  if (policy.q_map.boxes() > kMostBoxes || policy.kv_map.boxes() > kMostBoxes) return false;
  return fits_copies(policy.q_map, q_slots, kRows) && fits_copies(policy.kv_map, kv_slots, kRows);
}

template <int kHeadDim>
bool serves_sm90_forward(const Schedule& schedule, double scale) {
  using Config = Sm90Forward<kHeadDim>;
  return scale > 0 && fits_sm90(schedule, Config::kTileQ, Config::kTileKv);
}
template <int kHeadDim>
bool serves_sm90_backward(const Schedule& schedule, bool deterministic) {
  using Config = Sm90Backward<kHeadDim>;
  return !deterministic && fits_sm90(schedule, Config::kTileQ, Config::kTileKv);
}

}  // namespace sta::gpu
