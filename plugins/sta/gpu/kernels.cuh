// The attention kernels of this build: one function a direction, head dim and element type. CMake generates their
// definitions from *.cu.in and the list of head dims in instances.hpp.
#pragma once

#include "call_windows.hpp"

#include <cuda_runtime_api.h>
#include <fvattn/engine/policies/walked_window.hpp>
#include <fvattn/engine/sm80/backward_args.hpp>
#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/engine/sm80/heuristics.hpp>
#include <fvattn/engine/sm90/forward_args.hpp>

#include <type_traits>

namespace sta::gpu {

namespace sm80 = fvattn::engine::sm80;
namespace sm90 = fvattn::engine::sm90;

/// Tiles of 128 queries: three boxes of 2 x 8 x 8 in the shipped tile.
template <int kHeadDim>
using Forward = sm80::DenseForward<kHeadDim>;
/// One policy serves both kernels of a backward pass, so that their tiles must be alike: 64 x 64.
template <int kHeadDim>
using Backward = std::conditional_t<(kHeadDim <= 128), sm80::Block64Backward<kHeadDim>, sm80::DenseBackward<kHeadDim>>;

/// What a call attends. windows: one a head, in device memory; null: everything. on_host: the same `heads` windows in host
/// memory, or null: then text is taken in the order of its rows.
struct Attended {
  const Schedule& schedule;
  const engine::Extent3* windows;
  const engine::Extent3* on_host = nullptr;
  int heads = 0;

  /// body(policy) for tiles of these sizes.
  template <int kTileQ, int kTileKv, class Body>
  cudaError_t visit(Body&& body) const {
    if (windows != nullptr) return body(CallWindows(schedule.policy(windows, kTileQ, kTileKv), schedule.tiled()));
    return body(everything());
  }
  /// The same where the rows are known to be in raster order and a box is a tile, for kernels that walk.
  template <int kTileQ, int kTileKv, class Body>
  cudaError_t visit_raster(Body&& body) const {
    if (windows == nullptr) return body(everything());
    auto policy = engine::WalkedWindowPolicy::of(schedule.policy(windows, kTileQ, kTileKv));
    if (on_host != nullptr) policy.text_rounds = schedule.text_rounds(on_host, heads, kTileQ, kTileKv);
    return body(policy);
  }
  engine::DensePolicy<false> everything() const {
    const engine::LinearMap rows{schedule.rows()};
    return {rows, rows};
  }
};

template <int kHeadDim, class Element>
cudaError_t sm80_forward(const sm80::ForwardArgs& args, const Attended& attended, cudaStream_t stream);

template <int kHeadDim, class Element>
cudaError_t sm80_backward(const sm80::BackwardArgs& args, const Attended& attended, cudaStream_t stream);

/// Calls that sm90_config.hpp says the engine serves, head dims up to kLargestSm90Dim.
template <int kHeadDim, class Element>
cudaError_t sm90_forward(const sm90::ForwardArgs& args, const Attended& attended, cudaStream_t stream);

template <int kHeadDim, class Element>
cudaError_t sm90_backward(const sm80::BackwardArgs& args, const Attended& attended, cudaStream_t stream);

}  // namespace sta::gpu
