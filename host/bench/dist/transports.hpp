// Transports by name.
#pragma once

#include "bench/dist/member.hpp"

namespace fvattn::bench::dist {

/// The communicator of that transport between the ranks, for memory of the members' devices, over a connection of its own.
/// `writers` 0: the transport's own number of thread blocks; only peer has any. Collective. UNAVAILABLE with the reason of
/// the first rank that cannot, the same on all.
Result<std::shared_ptr<Communicator>> open_by_name(const Member& member, const std::string& name, int writers = 0);

}  // namespace fvattn::bench::dist
