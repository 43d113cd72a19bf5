#include "arguments.cuh"

namespace vsa::gpu {

using namespace plugin;

namespace {

engine::Extent3 extent(const Triple& t) { return {static_cast<int>(t[0]), static_cast<int>(t[1]), static_cast<int>(t[2])}; }

}  // namespace

BlockMap block_map(const Blocks& blocks) {
  return BlockMap::of<kTile>(extent(blocks.grid), extent(blocks.tile), blocks.tiled);
}

BlocksPolicy fine_policy(const fvattn_problem& p, const Schedule& schedule, const BlockLists& lists,
                         const BackwardMemory* inverse) {
  const BlockMap map = block_map(schedule.blocks());
  BlocksPolicy policy{map, map, {lists.index, lists.count, p.heads, map.blocks(), lists.width}, {}, schedule.every};
  if (inverse != nullptr) policy.inverse = {inverse->inverse, inverse->offsets, p.heads, map.blocks()};
  return policy;
}

BlocksPolicy coarse_policy(int blocks) {
  const BlockMap map = BlockMap::line<kTile>(blocks);
  return {map, map, {}, {}, true};
}

sm80::ForwardArgs forward_sizes(const fvattn_problem& p) {
  sm80::ForwardArgs args;
  args.batch = static_cast<int>(p.batch);
  args.q_heads = p.heads;
  args.kv_heads = p.kv_heads;
  args.head_dim = p.head_dim;
  args.scale = static_cast<float>(p.scale);
  return args;
}

sm80::BackwardArgs backward_sizes(const fvattn_problem& p, int64_t rows) {
  sm80::BackwardArgs args = plugin::gpu::backward_sizes(p);
  args.q_rows = static_cast<int>(rows);
  args.deterministic = true;  // the sm80 engine's way here; its atomics would need float32 sums of the size of the sequence
  return args;
}

void clear(const Call& call, const BlockMap& map, const sm80::MutableTensor& to, int heads, float* lse, bool tokens) {
  const fvattn_problem& p = call.problem();
  const ClearArgs args{to, lse, static_cast<int>(p.batch), static_cast<int>(p.q_len), heads, p.head_dim, map, tokens};
  check(clear_rows(args, stream_of(call)), "clearing rows without a token");
}

}  // namespace vsa::gpu
