// What is checked of a transport of GPUs, on one rank of it.
#pragma once

#include <fvattn/distributed/communicator.hpp>

#include <string>

namespace fvattn::test {

/// "" or what is wrong. All ranks call the same checks in the same order.
using Check = std::string (*)(Communicator& self, int device);

/// Bitwise equal to the thread transport over random exchanges.
std::string check_geometries(Communicator& self, int device);
/// Two exchanges by turns, 100 times, with other bytes each time.
std::string check_repeats(Communicator& self, int device);
/// There and back 100 times, queued without a look of the host in between; and if it can be recorded, replayed 100 times.
std::string check_queued(Communicator& self, int device);
std::string check_replays(Communicator& self, int device);
/// The last rank does not come to an exchange (or is killed before it): the others get an error, in time. The communicator
/// is of no more use then.
std::string check_lost(Communicator& self, int device);
std::string check_killed(Communicator& self, int device);

}  // namespace fvattn::test
