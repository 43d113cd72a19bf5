// What a kernel adds to its results before it rounds them.
//
// An epilogue is a trivially copyable struct with
//   template <class Element, int kColumnStep, class Rows, int kM, int kN8>
//   void apply(const WorkItem& item, const Rows& rows, int row0, int chunk0, float (&acc)[kM][kN8][4]) const
// for a warp's accumulators: [16-row block][8-column tile][register], as store_accumulator() takes them. Slots count from
// row0 on; rows[slot] is the memory row, negative where there is none. The sm90 forward kernel takes the same epilogues. Columns: epilogue_column(). The item's q_tile and
// head count key tiles and key heads for d_k and d_v. Policies with an o_map have no epilogue.
#pragma once

#include <fvattn/engine/policy.hpp>
#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

/// The first of the two columns that a lane holds of 8-column tile n.
template <int kColumnStep>
__device__ __forceinline__ int epilogue_column(int chunk0, int n, int lane) {
  return (chunk0 + n / 2 * 2 * kColumnStep + n % 2) * kChunkElements + accumulator_column(lane, 0);
}

/// Adds nothing.
struct PlainOutput {
  template <class Element, int kColumnStep, class Rows, int kM, int kN8>
  __device__ __forceinline__ void apply(const WorkItem&, const Rows&, int, int, float (&)[kM][kN8][4]) const {}
};

/// An epilogue for each gradient.
template <class DQ, class DK, class DV>
struct GradientEpilogues {
  DQ d_q;
  DK d_k;
  DV d_v;
};
using PlainGradients = GradientEpilogues<PlainOutput, PlainOutput, PlainOutput>;

}  // namespace fvattn::engine::sm80
