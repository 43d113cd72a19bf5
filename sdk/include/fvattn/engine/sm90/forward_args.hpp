// The call of a forward launch, without templates: what every policy needs besides itself.
#pragma once

#include <cstdint>

namespace fvattn::engine::sm90 {

// A [batch, tokens, heads, channels] tensor of 16-bit elements in device memory, channels contiguous. Strides in
// elements. TMA reads it: data and strides are multiples of 16 bytes (is_tma_ready in tensor_map_of.hpp).
struct TensorView {
  const void* data = nullptr;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;
};

struct ForwardArgs {
  TensorView q, k, v, o; // o is written
  float* lse = nullptr;  // [batch, heads, q_tokens] natural log, contiguous; null: not wanted
  int batch = 0, heads = 0, kv_heads = 0, head_dim = 0; // heads is a multiple of kv_heads
  int q_tokens = 0, kv_tokens = 0;                      // at least 1 each
  float scale = 0;                                      // > 0
  bool bfloat16 = true;                                 // otherwise float16
  int sm_count = 0, l2_bytes = 0;                       // of the device
  float* workspace = nullptr; // tail_bytes() of the configuration (heuristics.hpp), aligned to 16 bytes. Null: without it
};

} // namespace fvattn::engine::sm90
