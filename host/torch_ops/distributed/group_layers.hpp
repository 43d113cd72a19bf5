// The communicators and the layers behind the distributed operator.
#pragma once

#include "torch_ops/surroundings.hpp"

#include <fvattn/torch/distributed_attention.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace fvattn::torch_ops {

/// A distributed layer for one backend (or for whoever is selected).
struct GroupServed {
  DistributedAttention layer{nullptr};
  OptionMetadata metadata;
  std::shared_ptr<LayerEntry> entry;
};

/// Thread-safe.
class GroupLayers {
 public:
  /// This process's end of the group for tensors of the CPU, or of the GPU; made when it is first asked for, which every
  /// rank has to do, and made again for another group of that name. Throws Error.
  std::shared_ptr<Communicator> communicator(const std::string& group, const at::Device& device);
  /// Those that were made, if the group still is that one.
  std::vector<std::shared_ptr<Communicator>> known(const std::string& group);
  /// The layer of an entry. `backend` as in options_for(). Throws Error.
  std::shared_ptr<GroupServed> find(const std::shared_ptr<LayerEntry>& entry, const AttentionBackend* backend,
                                    const std::shared_ptr<Communicator>& communicator);

 private:
  using Key = std::tuple<const LayerEntry*, const AttentionBackend*, const Communicator*>;
  static constexpr size_t kMost = 256;

  struct End {
    std::shared_ptr<Communicator> group, chosen;  // the process group itself, and the transport that the ranks agreed on
  };
  std::mutex mutex_;
  std::map<std::pair<std::string, bool>, End> communicators_;  // by name, and whether it is for GPUs
  std::map<Key, std::shared_ptr<GroupServed>> layers_;
};

}  // namespace fvattn::torch_ops
