// The calls of the cpu engine, without templates over the policy: tensors, sizes, scale.
#pragma once

#include <fvattn/engine/cpu/element.hpp>

#include <cstdint>

namespace fvattn::engine::cpu {

/// A [batch, tokens, heads, channels] tensor in host memory, channels contiguous. Strides in elements, any sign.
template <class E>
struct TensorView {
  E* data = nullptr;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;

  TensorView() = default;
  TensorView(E* first, std::int64_t batch, std::int64_t token, std::int64_t head)
      : data(first), batch_stride(batch), token_stride(token), head_stride(head) {}
  E* row(int batch, int token, int head) const {
    return data + batch * batch_stride + token * token_stride + head * head_stride;
  }
};

/// What both directions share. Query head h reads kv head h / (heads / kv_heads).
struct Sizes {
  int batch = 0, heads = 0, kv_heads = 0;
  int head_dim = 0, v_head_dim = 0;  // 1..256 each
  int q_rows = 0;                    // rows of lse, saved_lse and delta per (batch, head): the query tokens
  double scale = 1;                  // of the logits; any finite number
};

/// Out: what o is written as. E itself, or float for partial results that are merged later (policies with an o_map).
template <class E, class Out = E>
struct ForwardArgs : Sizes {
  TensorView<const E> q, k, v;
  TensorView<Out> o;  // every row that the policy's o_map (or else its q_map) names is written

  /// Both optional, both [batch, heads, q_rows] contiguous: natural log, scale included, -inf for a row without keys.
  float* lse = nullptr;                // the `lse` output of a call
  Accumulate<E>* saved_lse = nullptr;  // what backward reads
};

/// Gradients: any of d_q, and of d_k with d_v, may be left out (null data) and then costs nothing.
template <class E, class Out = E>
struct BackwardArgs : Sizes {
  TensorView<const E> q, k, v, o, d_o;       // o: the whole result, not a partial one
  const Accumulate<E>* saved_lse = nullptr;  // [batch, heads, q_rows] of the whole result
  Accumulate<E>* delta = nullptr;            // scratch, [batch, heads, q_rows]; rowsum(d_o * o)
  bool delta_ready = false;                  // delta is an input: `o` is not read
  TensorView<Out> d_q;                       // rows as `o` in forward
  TensorView<E> d_k, d_v;                    // every row the policy's kv_map names is written; kv_heads heads
};

}  // namespace fvattn::engine::cpu
