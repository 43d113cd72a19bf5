// The gate of a (chunk, head, query): mean of the chunk's keys dot query, without scale and softmax.
#pragma once

#include "../chunks/partition.hpp"

namespace vmoba {

/// Queries of one gate tile: the columns of a product.
inline constexpr int kGateTile = 64;

/// The gates of one sequence. Means are rounded to float32, products accumulated in double and rounded to float32: the
/// same numbers for every instruction set and number of threads. A gate that is no number is -inf: never preferred.
class Gates {
 public:
  /// means: [kv_heads, chunks of the sequence, head_dim], filled here on the host's threads.
  Gates(const fvattn::plugin::Call& call, const Partition& partition, const Sequence& sequence, double* means);

  /// gates[c * kGateTile + i] for the n <= kGateTile places from `first` (counted in the sequence) on.
  void compute(int head, int first, int n, float* gates) const;

 private:
  const fvattn_problem& problem_;
  const fvattn_tensor& q_;
  const Partition& partition_;
  Sequence sequence_;
  double* means_;
};

}  // namespace vmoba
