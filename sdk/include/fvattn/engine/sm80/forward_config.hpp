// The shape of a forward kernel and where everything lies in shared memory.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

// kHeadDim  columns computed: a multiple of 32. Smaller head dims (multiples of 8) run in it with zero-filled columns.
// kTileQ    query rows of a CTA; a warp owns kTileQ / kWarps of them, 16 or 32. With 32, each fragment of K and V that a
//           warp reads from shared memory feeds two products, which halves the traffic.
// kTileKv   keys of a step
// kStages   1: K and V have one buffer each; K of the next step loads during P V, V during Q K (two barriers a step).
//           2: two buffers each; a whole step ahead, one barrier a step, twice the shared memory.
// kCtas     CTAs an SM shall hold, the bound for registers
template <int kHeadDim_, int kTileQ_, int kTileKv_, int kWarps_, int kStages_, int kCtas_>
struct ForwardConfig {
  static constexpr int kHeadDim = kHeadDim_;
  static constexpr int kTileQ = kTileQ_;
  static constexpr int kTileKv = kTileKv_;
  static constexpr int kWarps = kWarps_;
  static constexpr int kStages = kStages_;
  static constexpr int kCtas = kCtas_;
  static constexpr int kThreads = kWarps * kLanes;
  static constexpr int kRowBlocks = kTileQ / (kFragment * kWarps);  // 16-row blocks of a warp

  using Shape = TileShape<kTileQ, kTileKv>;
  using Layout = TileLayout<kHeadDim>;

  static constexpr int kKvBytes = kTileKv * Layout::kPitch;
  static constexpr int kQOffset = 0;
  static constexpr int kKOffset = kTileQ * Layout::kPitch;
  static constexpr int kVOffset = kKOffset + kStages * kKvBytes;
  // Tables of memory rows: the queries', then two of key tiles.
  static constexpr int kQRowsOffset = kVOffset + kStages * kKvBytes;
  static constexpr int kKvRowsOffset = kQRowsOffset + kTileQ * 4;
  static constexpr int kSharedBytes = kKvRowsOffset + 2 * kTileKv * 4;

  static_assert(kStages == 1 || kStages == 2);
  static_assert(kRowBlocks >= 1 && kTileQ % (kFragment * kWarps) == 0);
  static_assert(kTileKv % kFragment == 0 && kKOffset % 128 == 0 && kKvBytes % 128 == 0);
  static_assert(kSharedBytes <= 99 * 1024 || kStages == 2, "fits every GPU from sm_80 on");
};

}  // namespace fvattn::engine::sm80
