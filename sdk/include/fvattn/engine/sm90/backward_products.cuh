// The five matrix products of a backward step, issued by one consumer warpgroup. All asynchronous.
#pragma once

#include "fvattn/engine/sm90/backward_config.hpp"
#include "fvattn/engine/sm90/warpgroup.cuh"
#include "fvattn/engine/sm90/wgmma.cuh"

namespace fvattn::engine::sm90 {

// s = keys x queries: 64 rows of a K or V tile times kSubQ rows of a Q or dO tile, transposed. S = K Q^T and dP = V dO^T.
template <class Config, class Element>
__device__ __forceinline__ void issue_transposed_scores(float (&s)[Config::kSubQ / 2], SmemAddress keys, SmemAddress queries) {
  const std::uint64_t a = matrix_descriptor(keys, 16), b = matrix_descriptor(queries, 16);
#pragma unroll
  for (int i = 0; i < Config::kHeadDim / 16; ++i) {
    const int chunk = i / 4, within = (i % 4) * 32;
    Wgmma<Element, Config::kSubQ>::ss(s, descriptor_offset(a, chunk * Config::kKvChunkBytes + within),
                                       descriptor_offset(b, chunk * Config::kQChunkBytes + within), i > 0);
  }
  wgmma_commit();
}

// d += scores x rows: 64 keys x kSubQ queries in registers times those rows of a dO or Q tile. dV += P^T dO and dK += dS^T Q.
template <class Config, class Element>
__device__ __forceinline__ void issue_key_products(float (&d)[Config::kHeadDim / 2], const std::uint32_t (&scores)[Config::kSubQ / 4],
                                                   SmemAddress rows) {
  const std::uint64_t b = matrix_descriptor(rows, Config::kQChunkBytes);
#pragma unroll
  for (int i = 0; i < Config::kSubQ / 16; ++i)
    Wgmma<Element, Config::kHeadDim>::rs(d, scores + 4 * i, descriptor_offset(b, i * 16 * 128), 1);
  wgmma_commit();
}

// The same for dK, with dS in shared memory: this consumer's chunk, rows of queries.
template <class Config, class Element>
__device__ __forceinline__ void issue_key_products(float (&d)[Config::kHeadDim / 2], SmemAddress d_s, SmemAddress rows) {
  const std::uint64_t a = matrix_descriptor(d_s, Config::kDsChunkBytes), b = matrix_descriptor(rows, Config::kQChunkBytes);
#pragma unroll
  for (int i = 0; i < Config::kSubQ / 16; ++i)
    Wgmma<Element, Config::kHeadDim>::ss_mm(d, descriptor_offset(a, i * 16 * 128), descriptor_offset(b, i * 16 * 128), 1);
  wgmma_commit();
}

// d = dS K, this consumer's kColumns columns from `first_column` of 64 rows from `first_row`.
template <class Config, class Element, int kColumns>
__device__ __forceinline__ void issue_query_products(float (&d)[kColumns / 2], SmemAddress d_s, SmemAddress k, int first_row,
                                                     int first_chunk) {
  const std::uint64_t a = matrix_descriptor(d_s + first_row * 128, 16);
  const std::uint64_t b = matrix_descriptor(k + first_chunk * Config::kKvChunkBytes, Config::kKvChunkBytes);
#pragma unroll
  for (int i = 0; i < Config::kTileKv / 16; ++i) {
    const int chunk = i / 4, within = (i % 4) * 32;
    Wgmma<Element, kColumns>::ss_mn(d, descriptor_offset(a, chunk * Config::kDsChunkBytes + within),
                                    descriptor_offset(b, i * 16 * 128), i > 0);
  }
  wgmma_commit();
}

} // namespace fvattn::engine::sm90
