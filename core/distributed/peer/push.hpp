// One exchange on one rank: store into the peers, wait for what they store, and copy it out of the slot if it is in one.
// The same code is the GPU's kernels and what threads of a CPU run.
#pragma once

#include "job.hpp"

namespace fvattn::peer {

constexpr int kMostRanks = 16;  // of one machine
constexpr int kMostJobs = 30;   // of one launch: a kernel's arguments are 4 KB

/// Jobs for some peers, by value: a kernel argument.
struct Push {
  slots::Shape shape;
  int rank = 0;
  slots::Flags flags[kMostRanks] = {};  // by rank
  slots::Epoch* epoch = nullptr;        // of the latest complete exchange; this rank's own
  bool enters = false;                  // an exchange in place: enter() comes before its first push
  int peers = 0;
  int peer[kMostRanks] = {};
  int end[kMostRanks] = {};  // of the jobs for peer[i]; they begin where those for peer[i - 1] end
  Job jobs[kMostJobs] = {};
};
static_assert(sizeof(Push) <= 4096);

/// Jobs within the own memory, after the exchange.
struct CopyOut {
  slots::Shape shape;
  const slots::Epoch* epoch = nullptr;
  int count = 0;
  Job jobs[kMostJobs] = {};
};
static_assert(sizeof(CopyOut) <= 4096);

/// Threads that work as one writer. On the CPU one thread does.
struct OneThread {
  FVATTN_SLOTS_FUNCTION int lane() const { return 0; }
  FVATTN_SLOTS_FUNCTION int lanes() const { return 1; }
  FVATTN_SLOTS_FUNCTION bool all(bool mine) const { return mine; }
};

/// Tells the peers that this rank's memory may be written, and waits until theirs may. By one thread, before the first part
/// is pushed; only where `enters`. False if it gave up on a peer: the exchange is void.
template <class Memory>
FVATTN_SLOTS_FUNCTION bool enter(const Push& push, Memory& memory) {
  const slots::Epoch epoch = *push.epoch + 1;
  slots::Protocol<Memory> protocol(push.shape, push.rank, push.flags, memory);
  protocol.after_read(epoch - 1);
  for (int i = 1; i < push.shape.ranks; ++i)
    if (!protocol.before_write((push.rank + i) % push.shape.ranks, epoch)) return false;
  return true;
}

/// One writer's part. `Team` as OneThread: all(x) is a barrier that makes the team's stores visible to its first thread, and
/// true if x is true for the whole team.
template <class Team, class Memory>
FVATTN_SLOTS_FUNCTION void push_part(const Push& push, int writer, const Team& team, Memory& memory) {
  const slots::Epoch epoch = *push.epoch + 1;
  slots::Protocol<Memory> protocol(push.shape, push.rank, push.flags, memory);
  for (int i = 0; i < push.peers; ++i) {
    for (int j = i == 0 ? 0 : push.end[i - 1]; j < push.end[i]; ++j)
      copy_part(push.jobs[j], push.shape.slot_of(epoch), writer, push.shape.writers, team.lane(), team.lanes());
    team.all(true);
    if (team.lane() == 0) protocol.after_write(push.peer[i], writer, epoch);
  }
}

/// In place of push_part() where something else has moved the bytes: tells the peers of all writers' parts. `lanes` threads
/// share it; what was moved must have been complete before the first of them began.
template <class Memory>
FVATTN_SLOTS_FUNCTION void signal(const Push& push, int lane, int lanes, Memory& memory) {
  const slots::Epoch epoch = *push.epoch + 1;
  slots::Protocol<Memory> protocol(push.shape, push.rank, push.flags, memory);
  for (int i = lane; i < push.peers * push.shape.writers; i += lanes)
    protocol.after_write(push.peer[i / push.shape.writers], i % push.shape.writers, epoch);
}

/// Waits until all of this rank's memory is written, and counts the exchange. By one team; false as above.
template <class Team, class Memory>
FVATTN_SLOTS_FUNCTION bool complete(const Push& push, const Team& team, Memory& memory) {
  const slots::Epoch epoch = *push.epoch + 1;
  slots::Protocol<Memory> protocol(push.shape, push.rank, push.flags, memory);
  if (!team.all(protocol.before_read(epoch, team.lane(), team.lanes()))) return false;
  if (team.lane() == 0) *push.epoch = epoch;
  return true;
}

/// One writer's part of the way out of the slot of the latest complete exchange.
template <class Team>
FVATTN_SLOTS_FUNCTION void copy_out_part(const CopyOut& out, int writer, const Team& team) {
  for (int j = 0; j < out.count; ++j)
    copy_part(out.jobs[j], out.shape.slot_of(*out.epoch), writer, out.shape.writers, team.lane(), team.lanes());
}

}  // namespace fvattn::peer
