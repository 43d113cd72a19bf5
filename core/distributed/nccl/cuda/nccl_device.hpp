// The nccl transport's device: a GPU, and NCCL's communicator on it.
#pragma once

#include "distributed/nccl/device.hpp"
#include "group.hpp"

#include <memory>
#include <string>
#include <vector>

namespace fvattn::nccl {

/// `group` is connected and the current device is `number`. `processes` are the identities (process_identity) of the ranks:
/// one that has ended ends the waits for it.
std::unique_ptr<Device> make_nccl_device(int number, int rank, std::unique_ptr<Group> group,
                                         std::vector<std::string> processes);

}  // namespace fvattn::nccl
