// The shape of one forward kernel: tile sizes, warpgroups, stages, and where everything lies in shared memory.
// Plain host code: heuristics.hpp chooses among configurations, the kernel is instantiated with one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fvattn::engine::sm90 {

inline constexpr int kRowsPerConsumer = 64; // query rows of one consumer warpgroup: the m of wgmma
inline constexpr int kChunkColumns = 64;    // 128 bytes of 16-bit elements: the swizzle width
inline constexpr int kMaxSharedBytes = 227 * 1024;
inline constexpr int kSmSharedBytes = 228 * 1024, kReservedSharedBytes = 1024; // of an SM, and of each CTA on it

// Registers of one lane of every warpgroup of a CTA, as the launch takes them: all that setmaxnreg can hand out. A kernel whose
// warpgroups ask for more waits for ever.
constexpr int launched_registers(int threads, int ctas_per_sm) {
  const int a_thread = 64 * 1024 / (threads * ctas_per_sm) / 8 * 8;
  return (a_thread < 256 ? a_thread : 256) * (threads / 128);
}

// kHeadDim   columns computed: a multiple of 16. Smaller head dims run in it with zero-filled columns.
// kTileKv    keys per step: a multiple of 16, at most 256
// kConsumers consumer warpgroups, 64 query rows each
// kQStages   query tiles in flight; the output of a tile leaves through its query stage. With one stage the next tile
//            starts when the output has left; with two its first scores overlap the last values of this one
// kCluster   CTAs of a cluster that share K and V by multicast (1 or 2)
// kPingPong  consumer warpgroups take turns issuing matrix products, so that one's softmax hides behind another's
// kHandOver  with kPingPong: products with V still to be issued when the turn is passed on, so that the next consumer
//            wakes while they run
// kProducerRegisters  0: as few as dense schedules need. Box maps and lists need more, or the producer spills
// kCtasPerSm CTAs that share an SM (1 or 2): with one consumer each, they hide each other's softmax
template <int kHeadDim_, int kTileKv_, int kConsumers_, int kQStages_, int kKStages_, int kVStages_, int kCluster_,
          bool kPingPong_, int kHandOver_ = 4, int kCtasPerSm_ = 1,
          int kProducerRegisters_ = 0>
struct ForwardConfig {
  static constexpr int kHeadDim = kHeadDim_;
  static constexpr int kTileKv = kTileKv_;
  static constexpr int kConsumers = kConsumers_;
  static constexpr int kQStages = kQStages_;
  static constexpr int kKStages = kKStages_;
  static constexpr int kVStages = kVStages_;
  static constexpr int kCluster = kCluster_;
  static constexpr bool kPingPong = kPingPong_;
  static constexpr int kHandOver = kHandOver_;
  static constexpr int kCtasPerSm = kCtasPerSm_;

  // Of a thread's kTileKv / 2 scores of a step, those exponentiated before the wait for the product with V: the exponentials
  // after it hide conversions and sums. Measured on an H100: all at head dim 64 (538 TFLOP/s, 507 with a quarter); above, a
  // quarter (at 96 587 against 580 with all, at 192 797 against 755, at 128 no difference).
  static constexpr int kFirstPart = kHeadDim <= 64 ? kTileKv / 2 : kTileKv / 64 * 8;

  static constexpr int kCtaQ = kConsumers * kRowsPerConsumer; // query rows of a CTA
  static constexpr int kTileQ = kCtaQ * kCluster;             // and of a work item, which a cluster shares
  static constexpr int kThreads = (kConsumers + 1) * 128;
  static constexpr int kChunks = (kHeadDim + kChunkColumns - 1) / kChunkColumns;
  // setmaxnreg: counts are multiples of 8.
  static constexpr int kProducerRegisters = kProducerRegisters_ > 0 ? kProducerRegisters_ : kConsumers == 3 ? 32 : 40;
  static constexpr int kConsumerShare = (launched_registers(kThreads, kCtasPerSm) - kProducerRegisters) / kConsumers / 8 * 8;
  static constexpr int kConsumerRegisters = kConsumerShare < 240 ? kConsumerShare : 240;

  static constexpr int kQChunkBytes = kRowsPerConsumer * 128;        // 64 rows of one chunk
  static constexpr int kQConsumerBytes = kChunks * kQChunkBytes;     // one consumer's rows
  static constexpr int kQStageBytes = kConsumers * kQConsumerBytes;
  static constexpr int kKvChunkBytes = kTileKv * 128;
  static constexpr int kKvStageBytes = kChunks * kKvChunkBytes;
  static constexpr int kKvBoxRows = kTileKv / kCluster; // rows that one CTA of a cluster loads

  static constexpr int kQOffset = 0;
  static constexpr int kKOffset = kQOffset + kQStages * kQStageBytes;
  static constexpr int kVOffset = kKOffset + kKStages * kKvStageBytes;
  static constexpr int kBarrierOffset = kVOffset + kVStages * kKvStageBytes;
  // Barriers, 8 bytes each, in this order.
  static constexpr int kQFull = kBarrierOffset;
  static constexpr int kQEmpty = kQFull + 8 * kQStages;
  static constexpr int kOFull = kQEmpty + 8 * kQStages;
  static constexpr int kKFull = kOFull + 8 * kQStages * kConsumers;
  static constexpr int kKEmpty = kKFull + 8 * kKStages;
  static constexpr int kVFull = kKEmpty + 8 * kKStages;
  static constexpr int kVEmpty = kVFull + 8 * kVStages;
  static constexpr int kSharedBytes = kVEmpty + 8 * kVStages;

  static_assert(kHeadDim % 16 == 0 && kHeadDim <= 256);
  static_assert(kTileKv % 16 == 0 && kTileKv <= 256);
  static_assert(kCluster == 1 || kTileKv % 16 == 0, "each CTA's box is whole swizzle atoms");
  static_assert(kHandOver >= 0 && kHandOver < kTileKv / 16);
  static_assert(kConsumers >= 1 && kConsumers <= 3 && kQStages >= 1);
  static_assert(kConsumers < 3 || kQStages > 1, "three consumers with one query stage were seen to hang: not supported");
  static_assert(kCtasPerSm * (kSharedBytes + kReservedSharedBytes) <= kSmSharedBytes);
  static_assert(kCtasPerSm == 1 || (kCtasPerSm == 2 && kConsumers == 1 && kCluster == 1));
  static_assert(kConsumers * kConsumerRegisters + kProducerRegisters <= launched_registers(kThreads, kCtasPerSm));
};

} // namespace fvattn::engine::sm90
