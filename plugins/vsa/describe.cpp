#include "describe.hpp"

namespace vsa {

using namespace fvattn::plugin;

namespace {

void fill_tiles(const Call& call, const Blocks& blocks) {
  for (const char* name : {"q_tile", "k_tile"}) {
    const fvattn_tensor* out = call.find_out(name);
    if (!out) continue;
    int32_t* tile = data<int32_t>(*out);
    for (int64_t slot = 0; slot < static_cast<int64_t>(blocks.rows.size()); ++slot) {
      const int32_t row = blocks.tiled ? static_cast<int32_t>(slot) : blocks.rows[static_cast<size_t>(slot)];
      if (row >= 0) tile[row] = static_cast<int32_t>(slot / blocks.volume);
    }
  }
}

}  // namespace

void describe(const Call& call, KeptBlocks (*lists_of)(const Call&, const Schedule&)) {
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const Blocks& blocks = schedule.blocks();
  if (const fvattn_tensor* counts = call.find_out("tile_counts"))
    data<int64_t>(*counts)[0] = data<int64_t>(*counts)[1] = blocks.count;
  fill_tiles(call, blocks);
  const fvattn_tensor *marks = call.find_out("mask_tiles"), *pairs = call.find_out("pairs");
  if (!marks && !pairs) return;
  const int64_t rows = p.batch * p.heads * blocks.count;
  if (schedule.every) {
    if (marks) std::fill_n(data<uint8_t>(*marks), rows * blocks.count, uint8_t{1});
    if (pairs) *data<int64_t>(*pairs) = p.batch * p.heads * blocks.tokens * blocks.tokens;
    return;
  }
  const KeptBlocks lists = lists_of(call, schedule);
  if (marks) std::fill_n(data<uint8_t>(*marks), rows * blocks.count, uint8_t{0});
  int64_t seen = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t keys = 0;
    for (int i = 0; i < lists.count[static_cast<size_t>(row)]; ++i) {
      const int32_t block = lists.index[static_cast<size_t>(row * lists.width + i)];
      keys += blocks.sizes[static_cast<size_t>(block)];
      if (marks) data<uint8_t>(*marks)[row * blocks.count + block] = 1;
    }
    seen += keys * blocks.sizes[static_cast<size_t>(row % blocks.count)];
  }
  if (pairs) *data<int64_t>(*pairs) = seen;
}

}  // namespace vsa
