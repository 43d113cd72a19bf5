#include "arguments.cuh"
#include "coarse.cuh"
#include "dispatch.hpp"
#include "epilogues.cuh"

#include <optional>

namespace vsa::gpu {

using namespace plugin;

void forward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const BlockMap map = block_map(schedule.blocks());
  Workspace workspace = call.workspace();
  ForwardMemory memory(p, schedule.meta, workspace);
  memory.use_saved(call);
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
  with_kernel(p, [&](auto dim, auto element) {
    check(sm80_forward<decltype(dim)::value, decltype(element)>(args, policy, add, stream_of(call)), "the fine branch");
  });
  fine.finish();
}

}  // namespace vsa::gpu
