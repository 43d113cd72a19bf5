// The transport c10d without Python: torch's own process group over NCCL.
#pragma once

#include "bench/dist/member.hpp"

namespace fvattn::bench::dist {

/// Collective. UNAVAILABLE for ranks that are threads or on the CPU, and for a build without NCCL's header.
Result<std::shared_ptr<Communicator>> open_torch_group(const Member& member, const CommunicatorOptions& options);

}  // namespace fvattn::bench::dist
