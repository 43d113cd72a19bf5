// Matrix products of one warp: operands from shared memory through ldmatrix, or from registers.
#pragma once

#include <fvattn/engine/sm80/isa.cuh>
#include <fvattn/engine/sm80/tile_layout.hpp>

namespace fvattn::engine::sm80 {

/// Accumulators of kM x kN blocks of 16x16: [16-row block][8-column tile][register].
template <int kM, int kN>
using Accumulator = float[kM][2 * kN][4];

template <int kM, int kN>
__device__ __forceinline__ void clear(float (&acc)[kM][kN][4]) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
#pragma unroll
      for (int r = 0; r < 4; ++r) acc[m][n][r] = 0.0f;
    }
  }
}

/// An operand in a shared tile, as one lane sees it. Blocks are counted by (outer, k): outer is m for A and n for B.
/// kTransposed says that memory is [k][outer] instead of [outer][k]. With kOuterStep > 1 a warp takes every
/// kOuterStep-th 16-column block of a [k][outer] tile, which keeps the address bits disjoint at every head dim.
template <class Layout, bool kTransposed, int kOuterStep = 1>
struct SharedOperand {
  static_assert(kTransposed || kOuterStep == 1);
  std::uint32_t lane_address;

  __device__ __forceinline__ void load(std::uint32_t (&fragment)[4], int outer, int k) const {
    if constexpr (kTransposed) {
      load_matrix_x4_transposed(fragment, Layout::step(lane_address, k, kOuterStep * outer));
    } else {
      load_matrix_x4(fragment, Layout::step(lane_address, outer, k));
    }
  }
};

/// In what follows `thread` decides what a loop keeps in registers: by default addresses are computed anew in each round
/// (fresh_thread_index); with thread_index() the compiler may keep them.
///
/// The A operand (m x k) that starts at row16, column16 (blocks of 16) of a tile.
template <class Layout, bool kTransposed>
__device__ __forceinline__ SharedOperand<Layout, kTransposed> a_operand(std::uint32_t tile, int row16, int column16,
                                                                          int thread = fresh_thread_index()) {
  const int lane = thread % kLanes;
  const LaneBlock at = kTransposed ? lane_columns_first(lane) : lane_rows_first(lane);
  return {tile + Layout::offset(row16 * kFragment + at.row, column16 * 2 + at.half)};
}

/// The B operand (k x n) likewise.
template <class Layout, bool kTransposed, int kOuterStep = 1>
__device__ __forceinline__ SharedOperand<Layout, kTransposed, kOuterStep> b_operand(
    std::uint32_t tile, int row16, int column16, int thread = fresh_thread_index()) {
  const int lane = thread % kLanes;
  const LaneBlock at = kTransposed ? lane_rows_first(lane) : lane_columns_first(lane);
  return {tile + Layout::offset(row16 * kFragment + at.row, column16 * 2 + at.half)};
}

/// acc += A * B over kK blocks of k; both operands from shared memory, fragments fetched one step ahead.
template <class Element, int kK, int kM, int kN8, class A, class B>
__device__ __forceinline__ void multiply(float (&acc)[kM][kN8][4], const A& a, const B& b) {
  constexpr int kN = kN8 / 2;
  std::uint32_t a_fragment[2][kM][4], b_fragment[2][4];
#pragma unroll
  for (int m = 0; m < kM; ++m) a.load(a_fragment[0][m], m, 0);
  b.load(b_fragment[0], 0, 0);
#pragma unroll
  for (int k = 0; k < kK; ++k) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
      const int at = k * kN + n;
      if (n == kN - 1 && k + 1 < kK) {
#pragma unroll
        for (int m = 0; m < kM; ++m) a.load(a_fragment[(k + 1) % 2][m], m, k + 1);
      }
      if (at + 1 < kK * kN) b.load(b_fragment[(at + 1) % 2], (n + 1) % kN, n == kN - 1 ? k + 1 : k);
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        multiply_add<Element>(acc[m][2 * n], a_fragment[k % 2][m], b_fragment[at % 2][0], b_fragment[at % 2][1]);
        multiply_add<Element>(acc[m][2 * n + 1], a_fragment[k % 2][m], b_fragment[at % 2][2], b_fragment[at % 2][3]);
      }
    }
  }
}

/// acc += A * B where A lies in registers as blocks [m][k], the layout of pack_blocks.
template <class Element, int kK, int kM, int kN8, class B>
__device__ __forceinline__ void multiply(float (&acc)[kM][kN8][4], const std::uint32_t (&a)[kM][kK][4], const B& b) {
  constexpr int kN = kN8 / 2;
  std::uint32_t b_fragment[2][4];
  b.load(b_fragment[0], 0, 0);
#pragma unroll
  for (int k = 0; k < kK; ++k) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
      const int at = k * kN + n;
      if (at + 1 < kK * kN) b.load(b_fragment[(at + 1) % 2], (n + 1) % kN, n == kN - 1 ? k + 1 : k);
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        multiply_add<Element>(acc[m][2 * n], a[m][k], b_fragment[at % 2][0], b_fragment[at % 2][1]);
        multiply_add<Element>(acc[m][2 * n + 1], a[m][k], b_fragment[at % 2][2], b_fragment[at % 2][3]);
      }
    }
  }
}

/// Rounds accumulators to 16 bit; the result is the A operand of the next product with their columns as k.
template <class Element, int kM, int kN8>
__device__ __forceinline__ void pack_blocks(std::uint32_t (&out)[kM][kN8 / 2][4], const float (&acc)[kM][kN8][4]) {
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int k = 0; k < kN8 / 2; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        out[m][k][i] = pack<Element>(acc[m][2 * k + i / 2][i % 2 * 2], acc[m][2 * k + i / 2][i % 2 * 2 + 1]);
      }
    }
  }
}

/// Rounds accumulators to 16 bit and writes them to a shared tile, from (row0, chunk0) on: row0 a multiple of 16, chunk0
/// even. With kColumnStep > 1 the warp's 16-column blocks are every kColumnStep-th of the tile.
template <class Layout, class Element, int kColumnStep = 1, int kM, int kN8>
__device__ __forceinline__ void store_accumulator(unsigned char* tile, int row0, int chunk0,
                                                  const float (&acc)[kM][kN8][4], int thread = fresh_thread_index()) {
  const int lane = thread % kLanes;
  const std::uint32_t lane_offset = Layout::offset(row0 + accumulator_row(lane, 0), chunk0);
  unsigned char* const lane_tile = tile + accumulator_column(lane, 0) * 2;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN8; ++n) {
      const std::uint32_t at = Layout::step(lane_offset ^ (n % 2 * kChunkBytes), m, n / 2 * kColumnStep);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        *reinterpret_cast<std::uint32_t*>(lane_tile + at + half * 8 * Layout::kPitch) =
            pack<Element>(acc[m][n][2 * half], acc[m][n][2 * half + 1]);
      }
    }
  }
}

}  // namespace fvattn::engine::sm80
