#include "arguments.cuh"
#include "backward_config.hpp"
#include "dispatch.hpp"
#include "epilogues.cuh"
#include "inverse.cuh"
#include "key_order.cuh"
#include "split_gradient.cuh"

#include <fvattn/engine/sm80/backward.cuh>

#include <optional>

namespace vsa::gpu {

using namespace plugin;

namespace {

/// sm90: what the sm90 engine is to run; null for the sm80 engine.
template <int kDim, class Element>
cudaError_t run_kernel(const Call& call, const sm80::BackwardArgs& args, const BlocksPolicy& policy, const Sm90Policy* sm90,
                       const MeanAddend (&d_means)[3]) {
  if constexpr (kHasSm90Backward<kDim>)
    if (sm90 != nullptr) return sm90_backward<kDim, Element>(args, *sm90, d_means, stream_of(call));
  return sm80_backward<kDim, Element>(args, policy, d_means, stream_of(call));
}

void run_backward(const Call& call, const sm80::BackwardArgs& args, const BlocksPolicy& policy, const Sm90Policy* sm90,
                  const MeanAddend (&d_means)[3], const char* what) {
  with_kernel(call.problem(), [&](auto dim, auto element) {
    check(run_kernel<decltype(dim)::value, decltype(element)>(call, args, policy, sm90, d_means), what);
  });
}

void make_inverse(const Call& call, const BlockLists& lists, int blocks, const BackwardMemory& memory) {
  const fvattn_problem& p = call.problem();
  const InverseArgs args{lists.index,    lists.count,    static_cast<int>(p.batch),
                         p.heads,        blocks,         lists.width,
                         memory.inverse, memory.offsets, memory.totals};
  check(invert(args, stream_of(call)), "transposed block lists");
  if (memory.order == nullptr) return;
  const int ctas = Sm90Backward<64>::kCtasPerSm * plugin::gpu::Gpu::current().sm_count;
  const KeyOrderArgs order{memory.offsets, args.batch, p.heads, p.kv_heads, blocks, ctas, memory.order};
  check(key_order(order, stream_of(call)), "order of key blocks");
}

/// delta of the fine branch, d_gate, and d_out_c.
void split(const Call& call, const BlockMap& map, const ForwardMemory& saved, const BackwardMemory& memory,
           const sm80::BackwardArgs& fine, const fvattn_tensor* d_gate) {
  const fvattn_problem& p = call.problem();
  std::optional<AlignedInput> gate;
  if (call.find("gate_compress") != nullptr) gate.emplace(call, "gate_compress");
  const SplitArgs args{fine.o,
                       fine.d_o,
                       sm80_const_view(call.saved("o_low")),
                       gate ? sm80_view(*gate) : sm80::ConstTensor(),
                       saved.out_c,
                       d_gate != nullptr ? sm80_view(*d_gate) : sm80::MutableTensor(),
                       memory.d_out_c,
                       memory.delta,
                       static_cast<int>(p.batch),
                       static_cast<int>(p.q_len),
                       p.heads,
                       p.head_dim,
                       map};
  with_element(
      p, [&](auto element) { check(split_gradient<decltype(element)>(args, stream_of(call)), "gradient of the branches"); });
}

/// Gradients of the means.
void coarse_backward(const Call& call, const ForwardMemory& saved, const BackwardMemory& memory) {
  const fvattn_problem& p = call.problem();
  const int64_t blocks = saved.q_c.blocks;
  sm80::BackwardArgs args = backward_sizes(p, blocks);
  args.q = saved.q_c;
  args.k = saved.k_c;
  args.v = saved.v_c;
  args.o = saved.out_c;
  args.d_o = memory.d_out_c;
  args.lse = {saved.lse_c, p.heads * blocks, blocks};
  args.d_q = memory.d_q_c;
  args.d_k = memory.d_k_c;
  args.d_v = memory.d_v_c;
  args.workspace = memory.coarse;
  run_backward(call, args, coarse_policy(static_cast<int>(blocks)), nullptr, {}, "the coarse branch backward");
}

}  // namespace

std::size_t sm80_backward_bytes(const sm80::BackwardArgs& args) {
  // Without atomics the workspace depends on the rows alone.
  return sm80::backward_workspace_bytes<BackwardConfig<64>>(args, coarse_policy(args.q_rows));
}

void backward(const Call& call) {
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const BlockMap map = block_map(schedule.blocks());
  Workspace workspace = call.workspace(), none;
  ForwardMemory saved(p, schedule.meta, none);
  saved.use_saved(call);
  const bool on_sm90 = backward_on_sm90(p, schedule.meta, plugin::gpu::Gpu::current().is_hopper());
  const BackwardMemory memory(p, schedule.meta, on_sm90, workspace);
  plugin::gpu::Sm80Backward fine(call);
  sm80::BackwardArgs& args = fine.args;
  args.deterministic = !on_sm90;
  args.workspace = memory.fine;
  const fvattn_tensor* d_gate = call.find_out("d_gate_compress");
  if (d_gate != nullptr) clear(call, map, sm80_view(*d_gate), p.heads, nullptr, !schedule.coarse);
  if (!schedule.every) make_inverse(call, saved.lists, map.blocks(), memory);

  MeanAddend d_means[3] = {};
  if (schedule.coarse) {
    split(call, map, saved, memory, args, d_gate);
    coarse_backward(call, saved, memory);
    args.delta = row_values<const float*>(memory.delta, p);
    const sm80::ConstTensor of[3] = {memory.d_q_c, memory.d_k_c, memory.d_v_c};
    for (int i = 0; i < 3; ++i) d_means[i] = {of[i], map, p.head_dim};
  }
  clear(call, map, args.d_q, p.heads);
  clear(call, map, args.d_k, p.kv_heads);
  clear(call, map, args.d_v, p.kv_heads);
  const BlocksPolicy policy = fine_policy(p, schedule, saved.lists, &memory);
  std::optional<Sm90Policy> sm90;
  if (on_sm90) {
    sm90 = sm90_policy(policy);
    sm90->order = schedule.every ? nullptr : memory.order;
    sm90->order_length = p.kv_heads * map.blocks();
  }
  run_backward(call, args, policy, sm90 ? &*sm90 : nullptr, d_means, "the fine branch backward");
}

}  // namespace vsa::gpu
