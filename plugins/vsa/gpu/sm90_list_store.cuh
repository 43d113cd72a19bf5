// The thread of the kernel of lists that stores output.
#pragma once

#include "sm90_list_params.cuh"

#include <fvattn/engine/sm90/producer.cuh>

namespace vsa::gpu {

/// Run by one thread: sends finished output to global memory, then frees the query stage.
template <class Config, class Epilogue>
__device__ __forceinline__ void store_list_outputs(const ListParams<Epilogue>& p, sm90::SmemAddress smem) {
  ListItems<Config> items(smem);
  sm90::RingPosition<Config::kQStages> at;
  engine::WorkItem item;
  while (items.take(p, item)) {
    sm90::mbarrier_wait_asleep<sm90::kStoreNap>(smem + Config::kOFull + 8 * at.stage, at.parity);
    sm90::for_q_copies<Config>(p, p.o, item, 0, 0, smem + Config::kQOffset + at.stage * Config::kQStageBytes,
                               [](const CUtensorMap* map, auto to, sm90::SmemAddress from) {
                                 sm90::tma_store(map, from, to);
                               });
    sm90::tma_store_commit();
    sm90::tma_store_wait_read();
    sm90::mbarrier_arrive(smem + Config::kQEmpty + 8 * at.stage);
    at.advance();
  }
}

}  // namespace vsa::gpu
