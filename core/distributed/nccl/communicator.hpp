// The transport of messages between GPUs.
#pragma once

#include "device.hpp"

namespace fvattn::nccl {

/// `bootstrap` connects the same ranks on the host: it carries agreement, and belongs to this communicator from now on.
std::shared_ptr<Communicator> make_communicator(std::shared_ptr<Communicator> bootstrap, std::unique_ptr<Device> device,
                                                const CommunicatorOptions& limits);

}  // namespace fvattn::nccl
