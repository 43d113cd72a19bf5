// The one function of libfvattn_nccl.so.
#pragma once

#include <fvattn/distributed/nccl.hpp>

namespace fvattn::nccl {

inline constexpr const char* kLibrary = "libfvattn_nccl.so";
inline constexpr const char* kEntry = "fvattn_nccl_entry_1";

/// What libfvattn asks of it. Both sides are of one build: C++ types may cross.
struct Entry {
  Status (*support)(int device);
  Result<NcclVersions> (*versions)();
  Result<std::shared_ptr<Communicator>> (*make)(std::shared_ptr<Communicator> bootstrap, const NcclOptions& options);
};
using GetEntry = const Entry* (*)();

}  // namespace fvattn::nccl
