#include "arguments.cuh"
#include "coarse.cuh"
#include "dispatch.hpp"
#include "epilogues.cuh"

#include <fvattn/plugin/gpu/sm90_arguments.cuh>

#include <optional>

namespace vsa::gpu {

using namespace plugin;

namespace {

template <int kDim, class Element>
cudaError_t run_fine(const Call& call, const plugin::gpu::Gpu& gpu, const sm80::ForwardArgs& args,
                     const BlocksPolicy& policy, const CoarseAddend& add, int* handed_out) {
  if constexpr (kDim <= kLargestSm90Dim) {
    const fvattn_problem& p = call.problem();
    if (gpu.is_hopper() && serves_sm90_forward(policy.kv_map, p.scale)) {
      const engine::sm90::ForwardArgs sm90_args = plugin::gpu::sm90_args(args, p, gpu);
      return sm90_forward<kDim, Element>(sm90_args, sm90_policy(policy), add, handed_out, stream_of(call));
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
    check(run_fine<decltype(dim)::value, decltype(element)>(call, gpu, args, policy, add, memory.handed_out),
          "the fine branch");
  });
  fine.finish();
}

}  // namespace vsa::gpu
