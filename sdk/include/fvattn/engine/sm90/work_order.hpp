// Which query tile a CTA works on, and when. Static and persistent: slot s of worker w is a pure function, so the
// producer, the consumers and the store warp walk it independently, and results repeat bitwise.
#pragma once

#include <fvattn/engine/policy.hpp>

namespace fvattn::engine::sm90 {

// How a policy's items are dealt, besides evenly.
enum class Deal {
  kEven,
  kLongFirst, // the long tiles of WorkOrder first
  kSplitTail, // the items behind WorkOrder::whole in parts
};

template <class Policy>
FVATTN_BOTH constexpr Deal deal_of() {
  if constexpr (requires { requires Policy::kLongTiles; }) return Deal::kLongFirst;
  if constexpr (requires { requires Policy::kEvenTiles; }) return Deal::kSplitTail;
  return Deal::kEven;
}

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
  // kLongFirst: the last `long_tiles` query tiles of every head, which cost as much as `long_rounds` others. They are dealt
  // first, and whoever has one misses that many rounds of the others.
  int long_tiles = 0, long_rounds = 1;
  // kSplitTail: the items from `whole` on are `parts` items each, which share the keys of the tile.
  int whole = 0, parts = 1;

  // Item of a worker's slot, or false past the end.
  template <Deal kDeal = Deal::kEven>
  FVATTN_BOTH bool item(int worker, int slot, WorkItem& out) const {
    int index = slot * workers + ((slot & 1) != 0 ? workers - 1 - worker : worker), items = total, tiles = q_tiles;
    if constexpr (kDeal == Deal::kLongFirst) {
      if (long_tiles > 0) {
        const int count = total / q_tiles * long_tiles, more = count % workers; // `more` workers have one more
        const int mine = count / workers + (worker < more ? 1 : 0);
        if (slot < mine) return long_item(slot * workers + worker, out);
        const int round = slot - mine + (worker < more ? long_rounds : 0); // of the others, without `more` workers at first
        const int before = round < long_rounds ? round * (workers - more) - more : round * workers - long_rounds * more;
        index = before + worker;
        items -= count;
        tiles -= long_tiles;
      }
    }
    if constexpr (kDeal == Deal::kSplitTail) {
      out.partial = -1;
      if (parts > 1 && index >= whole) {
        const int part = index - whole;
        if (part >= (total - whole) * parts) return false;
        out.partial = part;
        index = whole + part / parts;
      }
    }
    // The last round may be short: its tail holds nothing.
    if (index >= items) return false;
    place(index, items, tiles, out);
    return true;
  }

  // The index-th of `items` items, which are `tiles` query tiles of each head.
  FVATTN_BOTH void place(int index, int items, int tiles, WorkItem& out) const {
    const int per_group = group * tiles;
    const int g = index / per_group;
    const int within = index - g * per_group;
    const int all_heads = items / tiles;
    const int size = g * group + group <= all_heads ? group : all_heads - g * group;
    const int rank = within / size;
    const int flat = g * group + within - rank * size;
    out.q_tile = longest_last ? tiles - 1 - rank : rank;
    out.batch = flat / heads;
    out.head = flat - out.batch * heads;
  }

private:
  FVATTN_BOTH bool long_item(int number, WorkItem& out) const {
    const int flat = number / long_tiles;
    out.q_tile = q_tiles - long_tiles + number - flat * long_tiles;
    out.batch = flat / heads;
    out.head = flat - out.batch * heads;
    return true;
  }
};

} // namespace fvattn::engine::sm90
