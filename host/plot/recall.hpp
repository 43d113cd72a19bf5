// How much of dense attention falls on the keys that a backend chose.
#pragma once

#include <fvattn/torch/extras.hpp>

#include <ATen/core/Tensor.h>

namespace fvattn::plot {

/// The keys and queries of a call, and what dense attention over them would be.
struct Dense {
  at::Tensor q, k;  // [B, S, H, D], [B, Sk, Hkv, D]
  double scale = 1;
  bool causal = false;  // aligned at the bottom right

  /// softmax(scale * q k^T) of the query rows `rows` (int64 [n], on the host) of one batch entry: float32 [H, n, Sk].
  at::Tensor mass(int64_t batch, const at::Tensor& rows) const;
};

/// [B, H, n] on the host: the share of a query row's mass on the keys that `description` (with tiles) has for it.
at::Tensor recall(const Dense& dense, const CallDescription& description, const at::Tensor& rows);

/// At most `most` of `count` rows, evenly spaced.
at::Tensor spread_rows(int64_t count, int64_t most);

}  // namespace fvattn::plot
