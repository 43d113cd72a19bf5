// What the backward kernels are launched with.
#pragma once

#include <fvattn/engine/sm80/backward_args.hpp>

namespace fvattn::engine::sm80 {

struct BackwardParams {
  BackwardArgs args;
  float* lse2;    // [stored_batch, q_heads, q_rows]: lse in base 2; +inf for a row without keys
  float* delta;   // the same shape: rowsum(d_o * o)
  float* d_q_sum; // float32 d_q in the order of the accumulators' registers, or null (deterministic)
  int group;      // query heads of a key head
  int q_tiles;    // of one head, as d_q_sum counts them
  float scale_log2;

  /// Where the row values of a (batch, head) start.
  __host__ __device__ std::int64_t row_values(int batch, int head) const {
    const int stored = args.stored_batch == 1 ? 0 : batch;
    return (static_cast<std::int64_t>(stored) * args.q_heads + head) * args.q_rows;
  }
};

}  // namespace fvattn::engine::sm80
