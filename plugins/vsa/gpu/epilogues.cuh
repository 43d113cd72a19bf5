// What the fine branch adds to its results: the gated coarse result, and the gradients of the block means.
#pragma once

#include "block_rows.cuh"

namespace vsa::gpu {

/// visit(column, m, n, r) for the pairs of accumulators acc[m][n][r], acc[m][n][r + 1] of this lane that are elements of the
/// tensor, row by row, where of_row(memory row) gives `visit`.
template <int kColumnStep, int kM, int kN8, class Rows, class OfRow>
__device__ __forceinline__ void for_elements(const Rows& rows, int row0, int chunk0, int head_dim, OfRow&& of_row) {
  const int lane = sm80::fresh_thread_index() % sm80::kLanes;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = rows[row0 + m * sm80::kFragment + sm80::accumulator_row(lane, 2 * half)];
      if (row < 0) continue;
      const auto visit = of_row(row);
#pragma unroll
      for (int n = 0; n < kN8; ++n) {
        const int column = sm80::epilogue_column<kColumnStep>(chunk0, n, lane);
        if (column < head_dim) visit(column, m, n, 2 * half);
      }
    }
  }
}

/// o += gate * coarse result of the row's block (no gate: 1; no coarse result: nothing), and `low` gets what rounding will
/// take off o.
struct CoarseAddend {
  sm80::ConstTensor coarse;  // [batch, blocks, heads, head_dim]
  sm80::ConstTensor gate;    // [batch, rows, heads, head_dim]
  sm80::MutableTensor low;   // as gate; null: not wanted
  int shift = 0;             // a block is 2^shift tiles
  int head_dim = 0;

  template <class Element, int kColumnStep, class Rows, int kM, int kN8>
  __device__ __forceinline__ void apply(const engine::WorkItem& item, const Rows& rows, int row0, int chunk0,
                                        float (&acc)[kM][kN8][4]) const {
    if (coarse.data != nullptr) add_coarse<Element, kColumnStep>(item, rows, row0, chunk0, acc);
    if (low.data != nullptr) write_low<Element, kColumnStep>(item, rows, row0, chunk0, acc);
  }

 private:
  template <class Element, int kColumnStep, class Rows, int kM, int kN8>
  __device__ __forceinline__ void add_coarse(const engine::WorkItem& item, const Rows& rows, int row0, int chunk0,
                                             float (&acc)[kM][kN8][4]) const {
    const Element* const of_block = row_at<Element>(coarse, item.batch, item.q_tile >> shift, item.head);
    for_elements<kColumnStep, kM, kN8>(rows, row0, chunk0, head_dim, [&](int row) {
      const Element* const scale = gate.data == nullptr ? nullptr : row_at<Element>(gate, item.batch, row, item.head);
      return [&acc, of_block, scale](int column, int m, int n, int r) {
        const float2 value = load_2(of_block + column);
        const float2 factor = scale == nullptr ? float2{1.0f, 1.0f} : load_2(scale + column);
        acc[m][n][r] += factor.x * value.x;
        acc[m][n][r + 1] += factor.y * value.y;
      };
    });
  }
  template <class Element, int kColumnStep, class Rows, int kM, int kN8>
  __device__ __forceinline__ void write_low(const engine::WorkItem& item, const Rows& rows, int row0, int chunk0,
                                            const float (&acc)[kM][kN8][4]) const {
    for_elements<kColumnStep, kM, kN8>(rows, row0, chunk0, head_dim, [&](int row) {
      Element* const to = row_at<Element>(low, item.batch, row, item.head);
      return [&acc, to](int column, int m, int n, int r) {
        const float first = acc[m][n][r], second = acc[m][n][r + 1];
        const float2 rounded = sm80::unpack<Element>(sm80::pack<Element>(first, second));
        *reinterpret_cast<std::uint32_t*>(to + column) = sm80::pack<Element>(first - rounded.x, second - rounded.y);
      };
    });
  }
};

/// A token's gradient += the gradient of its block's mean / tokens of the block. No means: nothing.
struct MeanAddend {
  sm80::ConstTensor d_mean;  // [batch, blocks, heads or kv heads, head_dim], divided by the slots of a block
  BlockMap map;
  int head_dim = 0;

  template <class Element, int kColumnStep, class Rows, int kM, int kN8>
  __device__ __forceinline__ void apply(const engine::WorkItem& item, const Rows& rows, int row0, int chunk0,
                                        float (&acc)[kM][kN8][4]) const {
    if (d_mean.data == nullptr) return;
    const int block = map.block_of(item.q_tile);
    const Element* const of_block = row_at<Element>(d_mean, item.batch, block, item.head);
    const float share = static_cast<float>(map.box.volume()) / static_cast<float>(map.size(block));
    for_elements<kColumnStep, kM, kN8>(rows, row0, chunk0, head_dim, [&](int) {
      return [&acc, of_block, share](int column, int m, int n, int r) {
        const float2 value = load_2(of_block + column);
        acc[m][n][r] += share * value.x;
        acc[m][n][r + 1] += share * value.y;
      };
    });
  }
};

using MeanAddends = sm80::GradientEpilogues<MeanAddend, MeanAddend, MeanAddend>;

}  // namespace vsa::gpu
