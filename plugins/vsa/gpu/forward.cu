#include "arguments.cuh"
#include "coarse.cuh"
#include "dispatch.hpp"
#include "epilogues.cuh"
#include "group_lists.cuh"

#include <fvattn/plugin/gpu/sm90_arguments.cuh>

#include <optional>

namespace vsa::gpu {

using namespace plugin;

namespace {

/// The lists of the groups of a CTA; null without lists, or where each block has a CTA of its own.
engine::TileLists make_groups(const Call& call, const Schedule& schedule, const BlockLists& lists,
                              const GroupMemory& groups) {
  if (schedule.every || groups.size == 1) return {};
  const fvattn_problem& p = call.problem();
  const int blocks = schedule.blocks().count;
  const GroupArgs args{lists.index, lists.count, static_cast<int>(p.batch), p.heads,           blocks,
                       lists.width, groups.size, groups.lists.index,       groups.lists.count};
  check(group_lists(args, stream_of(call)), "lists of neighbouring blocks");
  return {groups.lists.index, groups.lists.count, p.heads, engine::ceil_div(blocks, groups.size), groups.lists.width};
}

template <int kDim, class Element>
cudaError_t run_fine(const Call& call, const plugin::gpu::Gpu& gpu, const sm80::ForwardArgs& args,
                     const BlocksPolicy& policy, const engine::TileLists& groups, const CoarseAddend& add) {
  if constexpr (kDim <= kLargestSm90Dim) {
    const fvattn_problem& p = call.problem();
    if (gpu.is_hopper() && serves_sm90_forward(policy.kv_map, p.scale)) {
      const engine::sm90::ForwardArgs sm90_args = plugin::gpu::sm90_args(args, p, gpu);
      const int blocks = policy.kv_map.blocks();
      if constexpr (kHasSm90Group<kDim>)
        if (groups.list != nullptr || (policy.every && blocks_of_cta(blocks, blocks) > 1))
          return sm90_group_forward<kDim, Element>(sm90_args, sm90_group_policy(policy, groups), add, stream_of(call));
      return sm90_forward<kDim, Element>(sm90_args, sm90_policy(policy), add, stream_of(call));
    }
  }
  return sm80_forward<kDim, Element>(args, policy, add, stream_of(call));
}

}  // namespace

void forward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const BlockMap map = block_map(schedule.blocks());
  Workspace workspace = call.workspace();
  ForwardMemory memory(p, schedule.meta, workspace);
  memory.use_saved(call);
  const auto gpu = plugin::gpu::Gpu::current();
  const GroupMemory groups(p, schedule.meta, gpu.is_hopper(), workspace);
  const plugin::gpu::Sm80Forward fine(call);
  const sm80::ForwardArgs& args = fine.args;
  std::optional<AlignedInput> gate;
  CoarseAddend add;
  if (schedule.given) {
    given_lists(call, memory.lists);
  } else if (schedule.coarse) {
    pool_inputs(call, map, {args.q, args.k, args.v}, memory);
    if (!schedule.every) select_blocks(call, schedule, memory);
    coarse_forward(call, memory);
    add.coarse = memory.out_c;
    if (call.find("gate_compress") != nullptr) add.gate = sm80_view(gate.emplace(call, "gate_compress"));
    if (const fvattn_tensor* low = call.find_saved("o_low")) add.low = sm80_view(*low);
    add.shift = map.shift;
    add.head_dim = p.head_dim;
  }
  clear(call, map, args.o, p.heads, args.lse.data);
  const BlocksPolicy policy = fine_policy(p, schedule, memory.lists);
  const engine::TileLists of_groups = make_groups(call, schedule, memory.lists, groups);
  with_kernel(p, [&](auto dim, auto element) {
    check(run_fine<decltype(dim)::value, decltype(element)>(call, gpu, args, policy, of_groups, add), "the fine branch");
  });
  fine.finish();
}

}  // namespace vsa::gpu
