// The arguments of the sm80 engine as those of the sm90 engine: tensors that AlignedInput prepared suit both.
#pragma once

#include <fvattn/engine/sm80/forward_args.hpp>
#include <fvattn/engine/sm90/forward_args.hpp>
#include <fvattn/plugin/gpu/device.cuh>

namespace fvattn::plugin::gpu {

template <class Pointer>
engine::sm90::TensorView sm90_view(const engine::sm80::StridedTensor<Pointer>& t) {
  return {t.data, t.batch_stride, t.row_stride, t.head_stride};
}

/// from.lse: contiguous, or null.
inline engine::sm90::ForwardArgs sm90_args(const engine::sm80::ForwardArgs& from, const fvattn_problem& p, const Gpu& gpu) {
  engine::sm90::ForwardArgs args;
  args.q = sm90_view(from.q);
  args.k = sm90_view(from.k);
  args.v = sm90_view(from.v);
  args.o = sm90_view(from.o);
  args.lse = from.lse.data;
  args.batch = from.batch;
  args.heads = from.q_heads;
  args.kv_heads = from.kv_heads;
  args.head_dim = from.head_dim;
  args.q_tokens = static_cast<int>(p.q_len);
  args.kv_tokens = static_cast<int>(p.kv_len);
  args.scale = from.scale;
  args.bfloat16 = dtype(p) == kBF16;
  args.sm_count = gpu.sm_count;
  args.l2_bytes = gpu.l2_bytes;
  return args;
}

}  // namespace fvattn::plugin::gpu
