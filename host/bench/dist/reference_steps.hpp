// What sequence parallelism costs with plain steps of torch: the baseline of the exchanges.
#pragma once

#include "bench/dist/member.hpp"

#include <memory>
#include <vector>

namespace fvattn::bench::dist {

/// FastVideo's steps (fastvideo/distributed: sequence_model_parallel_all_to_all_4D around DistributedAttention): tensors are
/// joined along the batch, permuted into a dense one, moved by one all-to-all of torch's process group, and permuted again.
/// Rows and heads have to be divisible by the number of ranks. Collective.
class ReferenceSteps {
 public:
  /// As open_torch_group.
  static Result<std::unique_ptr<ReferenceSteps>> open(const Member& member, const CommunicatorOptions& options);

  virtual ~ReferenceSteps() = default;
  /// [B, s, H, D] of each to [B, S, h, D].
  std::vector<at::Tensor> scatter(const std::vector<at::Tensor>& tensors);
  /// [B, S, h, D] to [B, s, H, D].
  at::Tensor gather(const at::Tensor& tensor);

 protected:
  explicit ReferenceSteps(int ranks) : ranks_(ranks) {}
  /// Block r of dimension 0 goes to rank r; as large on all.
  virtual void all_to_all(at::Tensor& target, at::Tensor& source) = 0;

 private:
  const int64_t ranks_;
};

}  // namespace fvattn::bench::dist
