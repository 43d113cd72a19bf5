// Which query tile a CTA works on, and when. Static and persistent: slot s of worker w is a pure function, so the
// producer, the consumers and the store warp walk it independently, and results repeat bitwise.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine::sm90 {

// Heads are taken in groups whose K and V fit the L2 cache together; inside a group the longest query tiles come
// first, all heads of the group at the same length. Workers are dealt to in a snake (0..W-1, W-1..0, ...), so that
// lists sorted by length balance to within one tile.
struct WorkOrder {
  int q_tiles = 0;
  int heads = 0;
  int total = 0;      // q_tiles * heads * batch
  int group = 1;      // heads (over batch) that share L2
  int workers = 1;    // clusters in flight
  bool longest_last = false; // query tile numbers grow with their cost (causal): take them from the end

  // Item of a worker's slot, or false past the end.
  FVATTN_BOTH bool item(int worker, int slot, WorkItem& out) const {
    const int index = slot * workers + ((slot & 1) != 0 ? workers - 1 - worker : worker);
    // The last round may be short: its tail holds nothing.
    if (index >= total) return false;
    const int per_group = group * q_tiles;
    const int g = index / per_group;
    const int within = index - g * per_group;
    const int all_heads = total / q_tiles;
    const int size = g * group + group <= all_heads ? group : all_heads - g * group;
    const int rank = within / size;
    const int flat = g * group + within - rank * size;
    out.q_tile = longest_last ? q_tiles - 1 - rank : rank;
    out.batch = flat / heads;
    out.head = flat - out.batch * heads;
    return true;
  }
};

} // namespace fvattn::engine::sm90
