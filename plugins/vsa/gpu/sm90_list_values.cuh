// The warp of the kernel of lists that brings values.
#pragma once

#include "sm90_list_loads.cuh"

namespace vsa::gpu {

/// Zeros in the slots of a stage that hold no token: what probabilities of 0 are multiplied with must be finite. By a whole
/// warp.
template <class Config>
__device__ __forceinline__ void clear_unseen(std::uint64_t seen, int stage_offset) {
  constexpr int kPieces = 128 / static_cast<int>(sizeof(uint4));
  for (int slot = static_cast<int>(threadIdx.x & 31); slot < sm90::kRowsPerConsumer; slot += 32) {
    if ((seen >> slot & 1u) != 0) continue;
    for (int c = 0; c < Config::kChunks; ++c) {
      uint4* const row =
          reinterpret_cast<uint4*>(sm90::shared_memory() + stage_offset + c * Config::kKvChunkBytes + slot * 128);
      for (int i = 0; i < kPieces; ++i) row[i] = {0, 0, 0, 0};
    }
  }
  sm90::async_proxy_fence();
}

/// Run by one warp.
template <class Config, class Epilogue>
__device__ __forceinline__ void load_values(const ListParams<Epilogue>& p, sm90::SmemAddress smem) {
  const std::uint64_t keep = sm90::cache_policy<sm90::CacheHint::kEvictLast>();
  const int lane = static_cast<int>(threadIdx.x & 31);
  ListItems<Config> items(smem);
  sm90::RingPosition<Config::kVStages> at;
  const auto full = [&] { return smem + Config::kVFull + 8 * at.stage; };
  const auto stage = [&] { return Config::kVOffset + at.stage * Config::kKvStageBytes; };
  const auto wait = [&] { wait_free(smem + Config::kVEmpty + 8 * at.stage, at.parity); };
  engine::WorkItem item;
  while (items.take(p, item)) {
    const int kv_head = item.head / p.heads_per_kv_head;
    for_list_steps(
        p, item,
        [&](const ListBlock& block, bool) {
          wait();
          if (lane == 0) {
            sm90::mbarrier_arrive_expect(full(), Config::kKvStageBytes);
            load_block<Config>(p, p.values, block, kv_head, smem + stage(), full(), keep);
          }
          at.advance();
        },
        [&](const ListGroup& group, bool) {
          wait();
          if (~group.seen != 0) {
            clear_unseen<Config>(group.seen, stage());
            __syncwarp();
          }
          if (lane == 0) sm90::mbarrier_arrive_expect(full(), token_bytes<Config>(group.tokens));
          __syncwarp();
          if (lane < group.count)
            load_block<Config>(p, p.values, group.block, kv_head, smem + stage() + group.slot * 128, full(), keep);
          at.advance();
        });
  }
}

}  // namespace vsa::gpu
