// The two matrix products of a step, issued by one consumer warpgroup.
#pragma once

#include "fvattn/engine/sm90/warpgroup.cuh"
#include "fvattn/engine/sm90/wgmma.cuh"

namespace fvattn::engine::sm90 {

// s = Q K^T: 64 rows of q by kTileKv keys. q_desc is of this consumer's part of a query stage, k_desc
// of a K stage. Asynchronous.
template <class Config, class Element>
__device__ __forceinline__ void issue_scores(float (&s)[Config::kTileKv / 2], std::uint64_t q_desc, std::uint64_t k_desc) {
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 16; ++i) {
    const int chunk = i / 4, within = (i % 4) * 32;
    Wgmma<Element, Config::kTileKv>::ss(s, descriptor_offset(q_desc, chunk * Config::kQChunkBytes + within),
                                        descriptor_offset(k_desc, chunk * Config::kKvChunkBytes + within), i > 0);
  }
  wgmma_commit();
}

// o += P V, or o = P V when `accumulate` is 0. Asynchronous. Calls `pass_turn` before the last kHandOver products.
template <class Config, class Element, class PassTurn>
__device__ __forceinline__ void issue_values(float (&o)[Config::kHeadDim / 2],
                                             const std::uint32_t (&p)[Config::kTileKv / 4], std::uint64_t v_desc,
                                             int accumulate, PassTurn pass_turn) {
#pragma unroll
  for (int i = 0; i < Config::kTileKv / 16; ++i) {
    if (i == Config::kTileKv / 16 - Config::kHandOver) pass_turn();
    Wgmma<Element, Config::kHeadDim>::rs(o, p + 4 * i, descriptor_offset(v_desc, i * 16 * 128),
                                         i > 0 ? 1 : accumulate);
  }
  if constexpr (Config::kHandOver == 0) pass_turn();
  wgmma_commit();
}

} // namespace fvattn::engine::sm90
