// A random exchange of several tensors, its bytes, and what the thread transport makes of them on the CPU.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <vector>

namespace fvattn::test {

/// Everything follows from the seed, on every rank alike.
class ExchangeCase {
 public:
  ExchangeCase(int ranks, unsigned seed);

  using Bytes = std::vector<std::byte>;
  /// By transfer. Sources are random, targets are poison (0xff).
  std::vector<Bytes> sources(int rank, unsigned content) const;
  std::vector<Bytes> poison(int rank) const;
  /// The exchange of a rank whose tensors lie there; both by transfer.
  Exchange of(int rank, const std::vector<std::byte*>& sources, const std::vector<std::byte*>& targets) const;
  /// The targets of a rank after `exchanges` of all ranks by the thread transport.
  std::vector<Bytes> expected(int rank, unsigned content) const;
  int ranks() const { return ranks_; }

 private:
  struct Tensor {
    Pattern pattern;
    Ranges sequence, heads;
    int64_t batches, head_bytes, gap;  // gap: after each row and batch
  };
  Layout layout(const Tensor& tensor, int rank, bool source) const;

  int ranks_;
  std::vector<Tensor> tensors_;
};

}  // namespace fvattn::test
