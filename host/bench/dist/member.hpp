// One rank of the run: a process, or a thread of this one.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fvattn::bench::dist {

/// Connects the ranks anew, for control only; collective.
using Connect = std::function<Result<std::shared_ptr<Communicator>>()>;

class Member {
 public:
  /// `control` carries what the run itself has to say, never a transport.
  Member(std::shared_ptr<Communicator> control, Connect connect, at::Device device, bool is_thread)
      : control_(std::move(control)), connect_(std::move(connect)), device_(device), is_thread_(is_thread) {}

  int rank() const { return control_->rank(); }
  int size() const { return control_->size(); }
  bool is_root() const { return rank() == 0; }
  at::Device device() const { return device_; }
  bool on_gpu() const { return device_.is_cuda(); }
  bool is_thread() const { return is_thread_; }
  Communicator& control() const { return *control_; }
  const Connect& connect() const { return connect_; }

  // All of these are collective. What one rank's connection loses is fvattn::Error on all.
  void barrier() const;
  /// Rank 0's number on all.
  double from_root(double value) const;
  /// Each rank's numbers, by rank; as many on all ranks.
  std::vector<std::vector<double>> of_all(const std::vector<double>& mine) const;
  /// The largest over ranks, one by one.
  std::vector<double> most_of_all(const std::vector<double>& mine) const;
  /// Each rank's text, by rank.
  std::vector<std::string> texts(const std::string& mine) const;
  /// OK if all ranks are, else the first rank's trouble, the same on all.
  Status all_well(const Status& mine) const;

 private:
  const std::shared_ptr<Communicator> control_;
  const Connect connect_;
  const at::Device device_;
  const bool is_thread_;
};

}  // namespace fvattn::bench::dist
