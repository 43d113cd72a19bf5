// Exchanges of torch tensors.
#pragma once

#include "distributed_call.hpp"

namespace fvattn {

/// The ways of a distributed call's tensors to their heads and back. Adds up tensors first, then moves all at once.
/// `copies` counts tensors that had to be made dense first. Not recorded by autograd.
class TensorExchange {
 public:
  TensorExchange(const DistributedCall& call, std::string name) : call_(call) { exchange_.name = std::move(name); }

  /// [B, s, H, ...] of this rank to rows 0 .. S of `target` [B, S or more, h, ...].
  void scatter(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target);
  /// The way back, to rows 0 .. s of `target`; heads must not overlap.
  void gather(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target);
  /// [B, T, h, D] of each rank to [B, T, H, D] on all.
  void all_gather(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target);
  /// [B, T, H, D] of each rank to [B, P * T, h, D].
  void stack(const char* name, const at::Tensor& source, const Ranges& heads, const at::Tensor& target);
  /// Asks the communicator for memory for the scattered tensors, whose targets so far have only a shape (meta tensors). If
  /// true `targets`, in the order in which they were added, are in it, and die before the next exchange; else it has
  /// none, and this exchange is of no further use.
  Result<bool> lend(std::vector<at::Tensor>& targets);
  /// Moves them.
  Status run();

  uint64_t copies() const { return copies_; }

 private:
  void add(const char* name, Pattern pattern, const Ranges& sequence, const Ranges& heads, const at::Tensor& source,
           int64_t source_rows, const at::Tensor& target, int64_t target_rows);

  const DistributedCall& call_;
  Exchange exchange_;
  std::vector<at::Tensor> tensors_;  // sources and targets
  uint64_t copies_ = 0;
};

}  // namespace fvattn
