// The shapes of the backward kernels and where everything lies in shared memory.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

/// The kernel with a key tile stationary: d_k, d_v, and d_q by atomic additions when asked. Its warps split each product
/// differently:
///   S = Q K^T, dP = dO V^T (queries x keys)    kScoreWarps along the queries, the rest along the keys
///   dV = P^T dO, dK = dS^T Q (keys x channels) kKeyWarps along the keys, the rest along the channels
///   dQ = dS K (queries x channels)             kDqWarps along the queries, the rest along the channels
/// kQStages 2 loads the next Q a whole step ahead; 1 saves the buffer where shared memory is short.
template <int kHeadDim_, int kTileQ_, int kTileKv_, int kWarps_, int kScoreWarps_, int kKeyWarps_, int kDqWarps_,
          int kQStages_>
struct BackwardKvConfig {
  static constexpr int kHeadDim = kHeadDim_;
  static constexpr int kTileQ = kTileQ_;
  static constexpr int kTileKv = kTileKv_;
  static constexpr int kWarps = kWarps_;
  static constexpr int kThreads = kWarps * kLanes;
  static constexpr int kQStages = kQStages_;

  static constexpr int kScoreWarps = kScoreWarps_, kScoreKeyWarps = kWarps / kScoreWarps;
  static constexpr int kScoreM = kTileQ / (kFragment * kScoreWarps), kScoreN = kTileKv / (kFragment * kScoreKeyWarps);
  static constexpr int kKeyWarps = kKeyWarps_, kKeyDimWarps = kWarps / kKeyWarps;
  static constexpr int kKeyM = kTileKv / (kFragment * kKeyWarps), kKeyN = kHeadDim / (kFragment * kKeyDimWarps);
  static constexpr int kDqWarps = kDqWarps_, kDqDimWarps = kWarps / kDqWarps;
  static constexpr int kDqM = kTileQ / (kFragment * kDqWarps), kDqN = kHeadDim / (kFragment * kDqDimWarps);

  using Shape = TileShape<kTileQ, kTileKv>;
  using Layout = TileLayout<kHeadDim>;
  using ScoreLayout = TileLayout<kTileKv>;

  static constexpr int kKvBytes = kTileKv * Layout::kPitch;
  static constexpr int kQBytes = kTileQ * Layout::kPitch;
  static constexpr int kScoreBytes = kTileQ * ScoreLayout::kPitch;
  static constexpr int kKOffset = 0;
  static constexpr int kVOffset = kKOffset + kKvBytes;
  static constexpr int kQOffset = kVOffset + kKvBytes;
  static constexpr int kDoOffset = kQOffset + kQStages * kQBytes;
  static constexpr int kPOffset = kDoOffset + kQBytes;
  static constexpr int kDsOffset = kPOffset + kScoreBytes;
  static constexpr int kLseOffset = kDsOffset + kScoreBytes;          // two of kTileQ floats
  static constexpr int kDeltaOffset = kLseOffset + 2 * kTileQ * 4;    // two
  static constexpr int kQRowsOffset = kDeltaOffset + 2 * kTileQ * 4;  // two of kTileQ ints
  static constexpr int kKvRowsOffset = kQRowsOffset + 2 * kTileQ * 4;
  static constexpr int kSharedBytes = kKvRowsOffset + kTileKv * 4;

  static constexpr bool power_of_two(int n) { return (n & (n - 1)) == 0; }
  static_assert(kWarps % kScoreWarps == 0 && kWarps % kKeyWarps == 0 && kWarps % kDqWarps == 0);
  static_assert(kScoreM * kFragment * kScoreWarps == kTileQ && kScoreN * kFragment * kScoreKeyWarps == kTileKv);
  static_assert(kKeyM * kFragment * kKeyWarps == kTileKv && kKeyN * kFragment * kKeyDimWarps == kHeadDim);
  static_assert(kDqM * kFragment * kDqWarps == kTileQ && kDqN * kFragment * kDqDimWarps == kHeadDim);
  static_assert(power_of_two(kScoreN) && power_of_two(kKeyM) && power_of_two(kKeyDimWarps) && power_of_two(kDqDimWarps),
                "TileLayout::step needs disjoint address bits");
  static_assert(kTileQ <= kThreads && kTileKv % 32 == 0);
  static_assert(kSharedBytes <= 163 * 1024, "fits sm_80");
};

/// The kernel with a query tile stationary: d_q alone, for the deterministic mode. A warp owns kTileQ / kWarps rows and
/// works on kSubKv keys at a time, in a ring of two, so that the accumulators fit the registers.
template <int kHeadDim_, int kTileQ_, int kTileKv_, int kSubKv_, int kWarps_, int kCtas_>
struct BackwardQConfig {
  static constexpr int kHeadDim = kHeadDim_;
  static constexpr int kTileQ = kTileQ_;
  static constexpr int kTileKv = kTileKv_;
  static constexpr int kSubKv = kSubKv_;
  static constexpr int kSubs = kTileKv / kSubKv;
  static constexpr int kWarps = kWarps_;
  static constexpr int kCtas = kCtas_;
  static constexpr int kThreads = kWarps * kLanes;
  static constexpr int kRowBlocks = kTileQ / (kFragment * kWarps);

  using Shape = TileShape<kTileQ, kTileKv>;
  using Layout = TileLayout<kHeadDim>;

  static constexpr int kQBytes = kTileQ * Layout::kPitch;
  static constexpr int kSubBytes = kSubKv * Layout::kPitch;
  static constexpr int kQOffset = 0;
  static constexpr int kDoOffset = kQOffset + kQBytes;
  static constexpr int kKOffset = kDoOffset + kQBytes;
  static constexpr int kVOffset = kKOffset + 2 * kSubBytes;
  static constexpr int kQRowsOffset = kVOffset + 2 * kSubBytes;
  static constexpr int kKvRowsOffset = kQRowsOffset + kTileQ * 4;  // two tables
  static constexpr int kSharedBytes = kKvRowsOffset + 2 * kTileKv * 4;

  static_assert(kSubs >= 2 && kTileKv % kSubKv == 0, "the row tables run one tile ahead");
  static_assert(kRowBlocks * kFragment * kWarps == kTileQ && kSubKv % kFragment == 0);
  static_assert(kSharedBytes <= 99 * 1024, "fits every GPU from sm_80 on");
};

/// The two kernels of a backward pass: Kv is a BackwardKvConfig, Q a BackwardQConfig.
template <class Kv_, class Q_>
struct BackwardConfig {
  using Kv = Kv_;
  using Q = Q_;
  static_assert(Kv::kHeadDim == Q::kHeadDim);
};

}  // namespace fvattn::engine::sm80
