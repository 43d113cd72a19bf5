// The shape of one backward kernel: tile sizes, stages, and where everything lies in shared memory. Plain host code.
#pragma once

#include "fvattn/engine/sm90/forward_config.hpp"

namespace fvattn::engine::sm90 {

// A key tile is stationary: kTileKv / 64 consumer warpgroups own 64 keys each and walk the query tiles that see them.
// kHeadDim  columns computed: a multiple of 16. Smaller head dims run in it with zero-filled columns
// kTileQ    64 or 128 queries a step
// kStages   tiles of Q and of dO in flight
// kCtasPerSm CTAs that share an SM (1 or 2): with one consumer each, the scores of one run beside the products of the other
template <int kHeadDim_, int kTileQ_, int kTileKv_, int kStages_, int kCtasPerSm_ = 1>
struct BackwardConfig {
  static constexpr int kHeadDim = kHeadDim_;
  static constexpr int kTileQ = kTileQ_;
  static constexpr int kTileKv = kTileKv_;
  static constexpr int kStages = kStages_;
  static constexpr int kCtasPerSm = kCtasPerSm_;

  static constexpr int kKeysPerConsumer = 64; // the m of wgmma
  static constexpr int kConsumers = kTileKv / kKeysPerConsumer;
  static constexpr int kThreads = (kConsumers + 1) * 128;
  static constexpr int kChunks = (kHeadDim + kChunkColumns - 1) / kChunkColumns;
  // Queries of a score product. 64 leave registers for d_k and d_v at large head dims; at 64, all 128 of a step take a quarter
  // less of the shared memory's port (on an H100 546 TFLOP/s at S 16384, 474 in two halves).
  static constexpr int kSubQ = kHeadDim <= 64 ? kTileQ : 64;
  // Which form of the consumers' loop: backward_ahead.cuh's, or backward_consumer.cuh's. On an H100 the first is 7 % faster
  // at head dim 128 (Wan 1.3B 480p) and 5 % slower at 96; two CTAs an SM and the walks of windows leave no registers for
  // it.
  static constexpr bool kScoresAhead = kHeadDim > 96 && kCtasPerSm == 1 && kTileQ == kSubQ;
  // d_k, d_v, two score tiles and their rounded copies take 224 registers at head dim 128, which leaves the producer 24:
  // box maps make it spill. Two CTAs leave 256 for a consumer and its producer: 216 + 40 serialise the products (C7512),
  // 224 + 32 do not.
  static constexpr int kProducerRegisters = kCtasPerSm == 2 ? 32 : kHeadDim > 96 ? 24 : kSubQ > 64 ? 40 : 72;
  static constexpr int kConsumerRegisters = kCtasPerSm == 2 ? 224 : kHeadDim > 96 ? 240 : kSubQ > 64 ? 232 : 216;

  // d_q of a step, kTileQ x kHeadDim, is split over the consumers: by rows when there are 64 for each, else by chunks of
  // columns (the last chunk may be narrower).
  static constexpr bool kSplitRows = kTileQ == 64 * kConsumers;
  static constexpr int kDqColumns = kSplitRows ? kHeadDim : kChunkColumns;
  // Columns of a product: two CTAs an SM have no registers for 64 x 128 sums of d_q besides d_k and d_v.
  static constexpr int kDqStepColumns = kCtasPerSm == 2 && kDqColumns > kChunkColumns ? kChunkColumns : kDqColumns;
  static constexpr int kDqTileFloats = kTileQ * kChunks * kChunkColumns; // what a query tile takes in the float32 sums

  static constexpr int kKvChunkBytes = kTileKv * 128;
  static constexpr int kKvBytes = kChunks * kKvChunkBytes;
  static constexpr int kQChunkBytes = kTileQ * 128;
  static constexpr int kQBytes = kChunks * kQChunkBytes;
  static constexpr int kDsChunkBytes = kTileQ * 128; // 64 keys
  static constexpr int kDsBytes = kConsumers * kDsChunkBytes;
  static constexpr int kDsTiles = kCtasPerSm == 2 ? 1 : 2; // the second does not fit half an SM
  static constexpr int kRowBytes = kTileQ * 8; // lse and delta of a query tile

  static constexpr int kKOffset = 0;
  static constexpr int kVOffset = kKOffset + kKvBytes;
  static constexpr int kQOffset = kVOffset + kKvBytes;
  static constexpr int kDoOffset = kQOffset + kStages * kQBytes;
  static constexpr int kDsOffset = kDoOffset + kStages * kQBytes;
  static constexpr int kRowOffset = kDsOffset + kDsTiles * kDsBytes;
  static constexpr int kBarrierOffset = kRowOffset + kStages * kRowBytes;
  // Barriers, 8 bytes each, in this order.
  static constexpr int kKvFull = kBarrierOffset;
  static constexpr int kQFull = kKvFull + 8;
  static constexpr int kQEmpty = kQFull + 8 * kStages;
  static constexpr int kDoFull = kQEmpty + 8 * kStages;
  static constexpr int kDoEmpty = kDoFull + 8 * kStages;
  static constexpr int kSharedBytes = kDoEmpty + 8 * kStages;

  static_assert(kHeadDim % 16 == 0 && kHeadDim <= 128, "d_k and d_v of 64 keys stay in registers");
  static_assert(kTileQ == 64 || kSplitRows);
  static_assert(kSplitRows || kChunks == kConsumers, "each consumer computes one chunk of d_q's columns");
  static_assert(kDqColumns % kDqStepColumns == 0 && kDqColumns <= 2 * kDqStepColumns);
  static_assert(kSharedBytes <= kMaxSharedBytes && kCtasPerSm * (kSharedBytes + kReservedSharedBytes) <= kSmSharedBytes);
  static_assert(kCtasPerSm == 1 || (kCtasPerSm == 2 && kConsumers == 1));
  static_assert(kConsumers * kConsumerRegisters + kProducerRegisters <= launched_registers(kThreads, kCtasPerSm));
};

} // namespace fvattn::engine::sm90
