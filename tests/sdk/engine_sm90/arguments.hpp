// The arguments of the sm80 engine's checks as those of this engine.
#pragma once

#include "forward_check.hpp"

#include <fvattn/engine/sm90/forward_args.hpp>

namespace fvattn::engine::sm90::test {

using sm80::test::Case;
using sm80::test::Type;

inline TensorView view(const void* data, std::int64_t batch, std::int64_t row, std::int64_t head) { return {data, batch, row, head}; }

inline ForwardArgs converted(const sm80::ForwardArgs& from, const Case& c) {
  ForwardArgs args;
  args.q = view(from.q.data, from.q.batch_stride, from.q.row_stride, from.q.head_stride);
  args.k = view(from.k.data, from.k.batch_stride, from.k.row_stride, from.k.head_stride);
  args.v = view(from.v.data, from.v.batch_stride, from.v.row_stride, from.v.head_stride);
  args.o = view(from.o.data, from.o.batch_stride, from.o.row_stride, from.o.head_stride);
  args.lse = from.lse.data;
  args.batch = c.batch;
  args.heads = c.q_heads;
  args.kv_heads = c.kv_heads;
  args.head_dim = c.head_dim;
  args.q_tokens = c.q_len;
  args.kv_tokens = c.kv_len;
  args.scale = c.scale;
  args.bfloat16 = c.type == Type::bfloat16;
  cudaDeviceGetAttribute(&args.sm_count, cudaDevAttrMultiProcessorCount, 0);
  cudaDeviceGetAttribute(&args.l2_bytes, cudaDevAttrL2CacheSize, 0);
  return args;
}

}  // namespace fvattn::engine::sm90::test
