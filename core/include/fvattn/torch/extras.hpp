// What a call of a layer takes besides q, k and v, and what it gives besides o.
#pragma once

#include <fvattn/selector.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace fvattn FVATTN_PUBLIC {

/// Further inputs by the names of the backend's schema: `mask`, `gate_compress`, `cu_seqlens_q` and `cu_seqlens_k`
/// (int32 [n + 1], batch 1: packed sequences), a third party's own. A name that the backend does not take is an error.
struct Extras {
  std::map<std::string, at::Tensor> tensors;
  /// Rows of q, k, v that are not padding: the rest takes no part and comes back as zeros. Of the whole sequence in a
  /// distributed layer.
  std::optional<int64_t> original_seq_len;
};

/// What may differ from call to call.
struct CallOptions {
  bool return_lse = false;
  /// In place of LocalAttentionOptions::text_length.
  std::optional<int64_t> text_length;
  /// Seed of dropout: the same seed drops the same elements. Without one it is drawn from torch's CPU generator.
  std::optional<int64_t> dropout_seed;
  /// Longest packed sequence; without them cu_seqlens is read, which waits for the GPU when it lies there.
  std::optional<int64_t> max_seqlen_q, max_seqlen_k;
};

struct AttentionOutputs {
  at::Tensor o;  // [B, Sq, H, Dv], dtype of q
  /// `lse` [B, H, Sq] float32 if asked for (natural log, scale included, -inf for a row without keys), and what the
  /// backend gives besides (STA's search losses). Not differentiable.
  std::map<std::string, at::Tensor> named;
  Selection selection;  // who computed it, and who decided that
};

/// What a call attends, as the backend's `describe` says. Memory of the host.
struct CallDescription {
  int64_t query_tiles = 0, kv_tiles = 0;
  int64_t attended_pairs = 0;  // (query, key) pairs over batch and heads
  int64_t dense_pairs = 0;     // B * H * Sq * Skv
  /// Filled if asked for: uint8 [B, H, query_tiles, kv_tiles] (not 0 = some pair of the tiles is attended), int32 [Sq]
  /// and [Skv]: the tile of each raster row.
  at::Tensor mask_tiles, q_tile, k_tile;
  Selection selection;

  double density() const {
    return dense_pairs == 0 ? 0 : static_cast<double>(attended_pairs) / static_cast<double>(dense_pairs);
  }
};

}  // namespace fvattn
