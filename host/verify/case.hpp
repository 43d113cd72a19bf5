// One line of the case table: data, no code.
#pragma once

#include <ATen/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fvattn::verify {

enum class Layout {
  contiguous,
  gaps,         // room between rows and heads, 16-byte aligned only
  heads_first,  // [B, H, S, D] in memory
};
enum class KeyMask {
  none,
  random,       // [B, Sk]
  hides_a_row,  // all keys of the first batch entry
};

/// `dtype` is not part of a case: each is run in every dtype asked for.
struct Case {
  std::string group;  // what it is about
  int64_t batch = 1, q_len = 64, kv_len = 64;
  int32_t heads = 2, kv_heads = 2, dim = 64, v_dim = 0;  // v_dim 0: as dim
  bool causal = false;
  double scale = 0;   // 0: dim^-0.5
  double spread = 1;  // standard deviation of q: the logits grow with it
  KeyMask mask = KeyMask::none;
  Layout layout = Layout::contiguous;
  std::vector<int32_t> cu_q = {}, cu_k = {};  // packed sequences
  std::vector<int64_t> grid = {};             // token grid of a video, for backends that want one
  int32_t layer_index = 0;

  int64_t v_head_dim() const { return v_dim != 0 ? v_dim : dim; }
  bool is_varlen() const { return !cu_q.empty(); }
  /// Every key is seen by every query.
  bool is_full() const { return !causal && mask == KeyMask::none && !is_varlen(); }
  double softmax_scale() const;
  /// "gqa B2 Sq33 Sk57 H4 Hkv2 D64 causal gaps"
  std::string text() const;
};

std::string dtype_text(at::ScalarType type);

}  // namespace fvattn::verify
