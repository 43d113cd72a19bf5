// The store of a launch.
#pragma once

#include <fvattn/distributed/bootstrap.hpp>

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <string>

namespace fvattn::store {

/// Connects to the store at launch.address and launch.port once in a process, and keeps it until the process ends.
/// Thread-safe.
Result<c10::intrusive_ptr<::c10d::Store>> store_of(const Launch& launch, std::chrono::milliseconds limit);

/// The prefix of the next communicator of this process: the same on all ranks that make theirs in the same order, and no
/// other job's or restart's.
std::string next_prefix();

}  // namespace fvattn::store
