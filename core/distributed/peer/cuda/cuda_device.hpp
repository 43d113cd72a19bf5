// The peer transport's device on NVIDIA GPUs.
#pragma once

#include "distributed/peer/device.hpp"

namespace fvattn::peer {

/// Handles are CUDA IPC handles, or addresses where ranks share them.
Result<std::unique_ptr<Device>> make_cuda_device(int number, bool shares_addresses);

}  // namespace fvattn::peer
