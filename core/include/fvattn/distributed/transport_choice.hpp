// Which transport a group uses: the same answer on every rank, with the reason if it is not the first choice.
#pragma once

#include <fvattn/distributed/communicator.hpp>
#include <fvattn/environment.hpp>

#include <map>
#include <span>
#include <string>
#include <vector>

namespace fvattn FVATTN_PUBLIC {

/// What one rank says.
struct TransportVote {
  bool gpu = false;         // where its tensors are
  bool group_given = false;  // it has a torch process group
  std::string forced;       // the transport that it was told to use; empty: none
  /// Why it cannot use a transport, by name. One that is not listed it can use.
  std::map<std::string, std::string> refusals;
};

struct TransportChoice {
  std::string name;
  /// "peer: rank 1: ...": the first rank that cannot use what would have been used otherwise. Empty for a first choice.
  std::string fallback_reason;
};

/// One rank: local. On GPUs: peer, then the process group if there is one, else nccl. On CPUs: the process group, else mpi.
/// `ce` only by name. FAILED_PRECONDITION if ranks differ in anything but what they can do; UNAVAILABLE, with every reason,
/// if some rank cannot use the one that is forced, or each of them has a rank that cannot. Pure; `votes` is by rank and not
/// empty.
Result<TransportChoice> choose_transport(std::span<const TransportVote> votes);

/// FASTVIDEO_ATTENTION_DIST_TRANSPORT; empty or "auto": none. INVALID_ARGUMENT for a name that is no transport.
Result<std::string> forced_transport(const Environment& environment);

/// The communicator that this rank's tensors on `device` (-1: CPU, else the number of its GPU) should use: `base`, which
/// connects the same ranks already, or `peer`, `ce` or `nccl` over it. Every rank votes; where a transport then cannot be
/// made, all vote again without it. The one that is returned has the common fallback_reason(). `vote.refusals` may hold what
/// the caller knows; the rest is found out here. Collective.
Result<std::shared_ptr<Communicator>> open_transport(std::shared_ptr<Communicator> base, int device, TransportVote vote,
                                                     const CommunicatorOptions& options);

}  // namespace fvattn
