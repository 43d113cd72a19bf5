// The jobs of an exchange: pure arithmetic on layouts.
#pragma once

#include "push.hpp"

#include <fvattn/distributed/communicator.hpp>

#include <span>
#include <vector>

namespace fvattn::peer {

/// Where the tensors of an exchange land in a slot of each rank when they cannot be written in place: one after the other,
/// dense; `lent`: with the room that transfers ask for. The same on all ranks.
struct Landing {
  std::vector<std::vector<Layout>> targets;  // [rank][transfer]; data is an offset in the slot
  int64_t bytes = 0;                         // the largest over ranks
};
Landing landing_of(const Exchange& exchange, int ranks, bool lent = false);

/// The jobs for each peer, in the order in which `rank` serves them: the next rank first, itself last. `targets` as in
/// Landing, with addresses; `slot_bytes` 0: no slots.
struct Jobs {
  std::vector<int> peers;
  std::vector<std::vector<Job>> jobs;  // [peer]
};
Jobs jobs_of(const Exchange& exchange, int rank, int ranks, std::span<const std::vector<Layout>> targets,
             int64_t slot_bytes);

/// From the slot to the exchange's own targets.
std::vector<Job> copy_out_of(const Exchange& exchange, const std::vector<Layout>& landed, int64_t slot_bytes);

/// Bytes that arrive from one rank at another.
int64_t bytes_between(const Exchange& exchange, int source, int target);

}  // namespace fvattn::peer
