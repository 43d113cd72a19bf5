// The policy of the fine branch: blocks of the grid by their table of rows, lists of key blocks, or every key block.
#pragma once

#include "block_lists.hpp"

#include <fvattn/engine/policies/list.hpp>

namespace vsa::cpu {

/// A block is a tile of the engine, its tokens at the front.
struct BlockMap {
  const int32_t *rows, *sizes;
  int count, volume;

  template <int kRows>
  int tiles() const {
    return count;
  }
  template <int kRows>
  int row(const engine::WorkItem&, int tile, int slot) const {
    return slot < sizes[tile] ? rows[tile * volume + slot] : engine::kNoRow;
  }
  template <int kRows>
  bool full(int tile) const {
    return sizes[tile] == kRows;
  }
};

struct BlocksPolicy : engine::ListPolicy<BlockMap> {
  bool every;  // all blocks see all blocks: the lists are not looked at

  BlocksPolicy(const Schedule& schedule, const fvattn_problem& p, const BlockLists& lists_,
               const InverseBlocks& inverse_ = {})
      : engine::ListPolicy<BlockMap>{
            map_of(schedule.blocks()), map_of(schedule.blocks()),
            {lists_.index, lists_.count, p.heads, schedule.blocks().count, lists_.width},
            {inverse_.list, inverse_.offsets, p.heads, schedule.blocks().count}},
        every(schedule.every) {}

  template <class T>
  int steps(const engine::WorkItem& item) const {
    return every ? kv_map.count : lists.size(item);
  }
  template <class T>
  int kv_tile(const engine::WorkItem& item, int step) const {
    return every ? step : lists.at(item, step);
  }
  template <class T>
  int q_steps(const engine::WorkItem& kv_item) const {
    return every ? q_map.count : inverse.size(kv_item);
  }
  template <class T>
  int q_tile(const engine::WorkItem& kv_item, int step) const {
    return every ? step : inverse.at(kv_item, step);
  }

 private:
  static BlockMap map_of(const Blocks& blocks) {
    return {blocks.rows.data(), blocks.sizes.data(), blocks.count, blocks.volume};
  }
};

static_assert(engine::BackwardPolicy<BlocksPolicy>);

/// body(tile shape) with the engine's tile that holds a block.
template <class Body>
void with_tile(const Blocks& blocks, Body&& body) {
  if (blocks.volume <= 64)
    body(engine::TileShape<64, 64>{});
  else
    body(engine::TileShape<256, 256>{});
}

}  // namespace vsa::cpu
