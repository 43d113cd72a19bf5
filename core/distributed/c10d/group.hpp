// The collectives of a process group that the transport uses, with a deadline on each.
#pragma once

#include "message.hpp"
#include "watch.hpp"

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <span>

namespace fvattn::c10d_transport {

/// Not thread-safe: one operation at a time.
class Group {
 public:
  explicit Group(const c10::intrusive_ptr<::c10d::ProcessGroup>& group);

  bool moves(at::DeviceType device) const;
  /// The group itself; null if it is gone.
  c10::intrusive_ptr<::c10d::ProcessGroup> lock() const { return group_.lock(); }

  /// The bytes of every rank, by rank; all bring the same number.
  Result<std::vector<std::string>> all_gather(const std::string& bytes, Watch& watch, const Waiting& waiting) const;
  /// All messages at once. Memory of the CPU has moved when it returns; of a GPU, in the order of the current stream.
  Status all_to_all(std::span<Message> messages, Watch& watch, const Waiting& waiting) const;

 private:
  Result<c10::intrusive_ptr<::c10d::ProcessGroup>> alive() const;

  const c10::weak_intrusive_ptr<::c10d::ProcessGroup> group_;
  bool cpu_ = false, cuda_ = false;
  std::string name_;
};

}  // namespace fvattn::c10d_transport
