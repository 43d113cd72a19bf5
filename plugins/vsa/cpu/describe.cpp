// What a call attends, in blocks: the fine branch. The coarse branch sees every block's mean and is not counted.
#include "coarse_forward.hpp"
#include "dispatch.hpp"

namespace vsa::cpu {
namespace {

/// The lists of the call, as forward makes them.
template <class E>
BlockLists lists_of(const plugin::Call& call, const Schedule& schedule) {
  const fvattn_problem& p = call.problem();
  plugin::Workspace workspace = call.workspace();
  const BlockLists lists = BlockLists::take(call, workspace);
  if (schedule.given) {
    read_given(call, schedule.blocks().count, lists);
  } else {
    const Pooled<E> pooled = Pooled<E>::take(p, schedule.blocks().count, workspace);
    pooled.compute(p, schedule.blocks(), call);
    coarse_forward<E>(p, schedule, pooled, lists, nullptr);
  }
  return lists;
}

void fill_tiles(const plugin::Call& call, const Blocks& blocks) {
  for (const char* name : {"q_tile", "k_tile"}) {
    const fvattn_tensor* out = call.find_out(name);
    if (!out) continue;
    int32_t* tile = plugin::data<int32_t>(*out);
    for (int block = 0; block < blocks.count; ++block) {
      for_each_row(blocks, block, [&](int row) { tile[row] = block; });
      for (int slot = 0; blocks.tiled && slot < blocks.volume; ++slot) tile[block * blocks.volume + slot] = block;
    }
  }
}

}  // namespace

void describe(const plugin::Call& call) {
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const Blocks& blocks = schedule.blocks();
  if (const fvattn_tensor* counts = call.find_out("tile_counts"))
    plugin::data<int64_t>(*counts)[0] = plugin::data<int64_t>(*counts)[1] = blocks.count;
  fill_tiles(call, blocks);
  const fvattn_tensor *marks = call.find_out("mask_tiles"), *pairs = call.find_out("pairs");
  if (!marks && !pairs) return;
  const int64_t rows = p.batch * p.heads * blocks.count;
  if (schedule.every) {
    if (marks) std::fill_n(plugin::data<uint8_t>(*marks), rows * blocks.count, uint8_t{1});
    if (pairs) *plugin::data<int64_t>(*pairs) = p.batch * p.heads * blocks.tokens * blocks.tokens;
    return;
  }
  BlockLists lists;
  with_element(plugin::dtype(p), [&](auto e) { lists = lists_of<decltype(e)>(call, schedule); });
  if (marks) std::fill_n(plugin::data<uint8_t>(*marks), rows * blocks.count, uint8_t{0});
  int64_t seen = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t keys = 0;
    for (int i = 0; i < lists.count[row]; ++i) {
      const int block = lists.index[row * lists.width + i];
      keys += blocks.sizes[static_cast<size_t>(block)];
      if (marks) plugin::data<uint8_t>(*marks)[row * blocks.count + block] = 1;
    }
    seen += keys * blocks.sizes[static_cast<size_t>(row % blocks.count)];
  }
  if (pairs) *plugin::data<int64_t>(*pairs) = seen;
}

}  // namespace vsa::cpu
