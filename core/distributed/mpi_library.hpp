// What libfvattn_mpi.so gives to libfvattn.so. Both come from one build.
#pragma once

#include <fvattn/distributed/communicator.hpp>

namespace fvattn {

inline constexpr const char* kMpiLibrary = "libfvattn_mpi.so.1";
inline constexpr const char* kMpiEntry = "fvattn_mpi_communicator_1";
/// Sets `made`, or says why not. Never throws.
using MpiEntry = void (*)(const CommunicatorOptions& options, Result<std::shared_ptr<Communicator>>& made);

}  // namespace fvattn
