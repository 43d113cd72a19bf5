// An exchange to measure: its shape, and tensors whose every element says where it comes from.
#pragma once

#include "bench/dist/member.hpp"

#include <fvattn/distributed/communicator.hpp>

#include <string>
#include <vector>

namespace fvattn::bench::dist {

/// `tensors` tensors [1, rows, heads, dim] of 16 bits, spread over the ranks.
struct ExchangeCase {
  std::string name;
  Pattern pattern = Pattern::scatter_heads;
  int tensors = 1;
  int64_t rows = 0, heads = 1, dim = 128;

  /// What the busiest rank receives from others.
  double remote_bytes(int ranks) const;
};

/// Shapes of Wan: the scatter of q, k, v and the gather of o.
std::vector<ExchangeCase> model_cases();
/// A scatter of q, k, v that receives about that many bytes from other ranks.
ExchangeCase case_of_bytes(double bytes, int ranks);
/// One token a rank.
ExchangeCase empty_case(int ranks);

/// The tensors of one rank, on its device.
class CaseTensors {
 public:
  /// Throws c10::OutOfMemoryError.
  CaseTensors(const ExchangeCase& what, const Member& member);

  const ExchangeCase& what() const { return what_; }
  const std::vector<at::Tensor>& sources() const { return sources_; }
  /// In place of the targets so far.
  void set_targets(std::vector<at::Tensor> targets) { targets_ = std::move(targets); }
  /// Targets in memory that the transport lends, if this is a scatter and it lends any, as the layers do without gradients.
  Status borrow(Communicator& transport);
  /// The exchange on this thread's current stream.
  Exchange exchange() const;
  void poison();
  /// Every element of the targets is the one it has to be.
  bool is_right() const;

 private:
  at::Tensor values(int tensor, const Range& rows, const Range& heads) const;

  const ExchangeCase what_;
  const at::Device device_;
  Ranges sequence_, heads_;
  Range own_rows_, own_heads_, all_rows_, all_heads_;
  std::vector<at::Tensor> sources_, targets_;
};

}  // namespace fvattn::bench::dist
