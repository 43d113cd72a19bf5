// The warp of the kernel of lists that hands out query blocks, and brings queries and keys.
#pragma once

#include "sm90_list_loads.cuh"

namespace vsa::gpu {

/// Waits until a query stage is free, and fills it. A whole warp.
template <class Config, class Epilogue>
__device__ __forceinline__ void load_queries(const ListParams<Epilogue>& p, const engine::WorkItem& item,
                                             sm90::SmemAddress smem, const sm90::RingPosition<Config::kQStages>& at,
                                             std::uint64_t cache) {
  const sm90::SmemAddress full = smem + Config::kQFull + 8 * at.stage;
  wait_free(smem + Config::kQEmpty + 8 * at.stage, at.parity);
  if ((threadIdx.x & 31) != 0) return;
  sm90::mbarrier_arrive_expect(full, Config::kQStageBytes);
  sm90::for_q_copies<Config>(p, p.q, item, 0, 0, smem + Config::kQOffset + at.stage * Config::kQStageBytes,
                             [&](const CUtensorMap* map, auto from, sm90::SmemAddress to) {
                               sm90::tma_load(to, map, full, cache, from);
                             });
}

/// Run by one warp: queries, keys, and what the consumer needs to know of each step.
template <class Config, class Epilogue>
__device__ __forceinline__ void load_keys(const ListParams<Epilogue>& p, sm90::SmemAddress smem) {
  const std::uint64_t keep = sm90::cache_policy<sm90::CacheHint::kEvictLast>();
  const std::uint64_t once = sm90::cache_policy<sm90::CacheHint::kEvictFirst>();
  const int lane = static_cast<int>(threadIdx.x & 31);
  ListItems<Config> items(smem);
  sm90::RingPosition<Config::kQStages> q_at;
  sm90::RingPosition<Config::kKStages> at;
  sm90::RingPosition<kListSteps> step_at;
  const auto full = [&] { return smem + Config::kKFull + 8 * at.stage; };
  const auto stage = [&] { return smem + Config::kKOffset + at.stage * Config::kKvStageBytes; };
  // When the stage is free, says what comes.
  const auto open = [&](std::uint64_t seen, bool last, int tokens) {
    wait_free(smem + Config::kKEmpty + 8 * at.stage, at.parity);
    if (lane != 0) return;
    ListLayout<Config>::steps()[step_at.stage] = {
        {static_cast<std::uint32_t>(seen), static_cast<std::uint32_t>(seen >> 32)}, last ? 1u : 0u, 0};
    sm90::mbarrier_arrive_expect(full(), token_bytes<Config>(tokens));
  };
  engine::WorkItem item;
  for (int index = static_cast<int>(blockIdx.x), next = 0;;
       index = static_cast<int>(gridDim.x) + __shfl_sync(kWholeWarp, next, 0)) {
    items.put(index, lane == 0);
    if (!p.query_block(index, item)) break;
    if (lane == 0) next = atomicAdd(p.handed_out, 1);
    load_queries<Config>(p, item, smem, q_at, once);
    q_at.advance();
    const int kv_head = item.head / p.heads_per_kv_head;
    for_list_steps(
        p, item,
        [&](const ListBlock& block, bool last) {
          open(~std::uint64_t{0}, last, sm90::kRowsPerConsumer);
          if (lane == 0) load_block<Config>(p, p.keys, block, kv_head, stage(), full(), keep);
          at.advance();
          step_at.advance();
        },
        [&](const ListGroup& group, bool last) {
          open(group.seen, last, group.tokens);
          __syncwarp();
          if (lane < group.count)
            load_block<Config>(p, p.keys, group.block, kv_head, stage() + group.slot * 128, full(), keep);
          at.advance();
          step_at.advance();
        });
  }
}

}  // namespace vsa::gpu
