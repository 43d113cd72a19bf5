// The one function of libfvattn_peer.so.
#pragma once

#include "device.hpp"

#include <fvattn/distributed/peer.hpp>

namespace fvattn::peer {

inline constexpr const char* kLibrary = "libfvattn_peer.so";
inline constexpr const char* kEntry = "fvattn_peer_entry_1";

/// What libfvattn asks of it. Both sides are of one build: C++ types may cross.
struct Entry {
  Status (*support)(int device);
  Result<std::shared_ptr<Communicator>> (*make)(std::shared_ptr<Communicator> bootstrap, const PeerOptions& options);
};
using GetEntry = const Entry* (*)();

}  // namespace fvattn::peer
