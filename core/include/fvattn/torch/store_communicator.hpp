// Ranks that meet at a store of torch: what connects processes that were launched for GPUs, before anything else does.
#pragma once

#include <fvattn/distributed/bootstrap.hpp>
#include <fvattn/distributed/communicator.hpp>

#include <memory>

namespace fvattn FVATTN_PUBLIC {

/// Agreement, barriers and aborts through a TCPStore at launch.address and launch.port, which rank 0 keeps (under torchrun
/// its agent does, where it says so). It moves no tensors: a transport is opened over it, see open_transport(). Collective,
/// and may be called again: each call connects the ranks anew over the same store, which lives until the process ends. The
/// ranks that are threads of one process have no use for it. UNAVAILABLE if the ranks do not come within `warm_up_timeout`,
/// INVALID_ARGUMENT for a launch without an address (mpirun's).
Result<std::shared_ptr<Communicator>> make_store_communicator(const Launch& launch, const CommunicatorOptions& options = {});

}  // namespace fvattn
