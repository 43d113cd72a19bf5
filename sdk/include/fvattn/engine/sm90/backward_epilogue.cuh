// Epilogues of gradients: those of sm80's epilogue.cuh on the accumulators of wgmma, which are those of mma.m16n8, 8 columns
// at a time.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/epilogue.cuh>

namespace fvattn::engine::sm90 {

// Memory rows of the slots of a tile, as epilogues index them.
template <int kRows, class Map>
struct SlotRows {
  const Map& map;
  const WorkItem& item;
  __device__ __forceinline__ int operator[](int slot) const { return map.template row<kRows>(item, item.q_tile, slot); }
};

// d := d * factor + what the epilogue adds. row0: slot of the warp's first row; chunk0: number of the first 8 columns.
template <class Element, int kRows, class Map, class Epilogue, int kCount>
__device__ __forceinline__ void add_epilogue(const Epilogue& epilogue, const Map& map, const WorkItem& item, int row0,
                                             int chunk0, float factor, float (&d)[kCount]) {
  float acc[1][kCount / 4][4];
#pragma unroll
  for (int i = 0; i < kCount; ++i) acc[0][i / 4][i % 4] = d[i] * factor;
  const SlotRows<kRows, Map> rows{map, item};
  epilogue.template apply<Element, 1>(item, rows, row0, chunk0, acc);
#pragma unroll
  for (int i = 0; i < kCount; ++i) d[i] = acc[0][i / 4][i % 4];
}

} // namespace fvattn::engine::sm90
