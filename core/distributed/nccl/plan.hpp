// The messages of an exchange, and the one pass of copies that some of them need: pure arithmetic on layouts.
#pragma once

#include "distributed/peer/job.hpp"

#include <fvattn/distributed/communicator.hpp>

#include <vector>

namespace fvattn::nccl {

/// One batch of one tensor, [rows][heads] dense. Ranks agree on peers, sizes and their order without a word: both follow
/// from the splits. Whether it is packed is each rank's own affair.
struct Message {
  int peer = 0;
  std::byte* data = nullptr;
  int64_t bytes = 0;
};

struct Plan {
  std::vector<peer::Job> kept;           // what stays on this rank: copies that touch nothing of the others
  std::vector<peer::Job> packs;          // before the messages
  std::vector<Message> sends, receives;  // none of no bytes, none to this rank
  std::vector<peer::Job> unpacks;        // after the messages
  int64_t staging_bytes = 0;
  uint64_t passes = 0;  // tensors that are packed, plus tensors that are unpacked
};

/// `staging` holds staging_bytes, which do not depend on it: plan with nullptr to know them. A source or target that is
/// dense where a message lies is not staged.
Plan plan_of(const Exchange& exchange, int rank, int ranks, std::byte* staging);

}  // namespace fvattn::nccl
