// What the GPU kernels of this build take, and what a call needs.
#include "dispatch.hpp"

#include "arguments.cuh"
#include "backward_config.hpp"

namespace vsa::gpu {

using namespace plugin;

namespace {

constexpr int kMostBlocks = 1 << 15;  // selection keeps the scores of a query block in shared memory

void save(const fvattn_problem& p, const Metadata& meta, Plan& plan) {
  const Needs needs(p, meta);
  const int64_t blocks = meta.blocks().count;
  plan.save("lse", kF32, {p.batch, p.heads, p.q_len});
  if (needs.coarse) {
    plan.save("q_c", dtype(p), {p.batch, blocks, p.heads, p.head_dim});
    plan.save("k_c", dtype(p), {p.batch, blocks, p.kv_heads, p.head_dim});
    plan.save("v_c", dtype(p), {p.batch, blocks, p.kv_heads, p.head_dim});
    plan.save("out_c", dtype(p), {p.batch, blocks, p.heads, p.head_dim});
    plan.save("lse_c", kF32, {p.batch, p.heads, blocks});
    // delta of the fine branch from a rounded sum of both branches would drown small gradients of large logits.
    plan.save("o_low", dtype(p), {p.batch, p.q_len, p.heads, p.head_dim});
  }
  if (needs.lists) {
    plan.save("block_index", kI32, {p.batch, p.heads, blocks, needs.width});
    plan.save("block_count", kI32, {p.batch, p.heads, blocks});
  }
}

}  // namespace

void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
  plugin::gpu::require_sm80(device, p, HeadDims::kLargest, support);
  HeadDims::visit(p.head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    plugin::gpu::require_shared_memory<sm80::Block64Forward<kDim>, BackwardConfig<kDim>>(device, p, support);
  });
  // A guess below the exact backends' shares: not measured on a GPU yet.
  support.score(0.4);
}

void plan(const fvattn_problem& p, const Metadata& meta, bool hopper, Plan& plan) {
  if (meta.blocks().count > kMostBlocks)
    fail(FVATTN_UNIMPLEMENTED,
         "dit_seq_shape %s has %d blocks, on a GPU up to %d are accepted; use a larger tile_size or the CPU",
         fvattn::vsa::detail::text(meta.blocks().grid).c_str(), meta.blocks().count, kMostBlocks);
  const bool grad = (p.flags & FVATTN_PROBLEM_NEED_GRAD) != 0, on_sm90 = grad && backward_on_sm90(p, meta, hopper);
  // The sm90 engine sums d_q by atomics.
  plan.flags(FVATTN_PLAN_GRAPH_SAFE | (on_sm90 ? 0 : uint32_t{FVATTN_PLAN_DETERMINISTIC}));
  Workspace forward, backward;
  ForwardMemory(p, meta, forward);
  if (grad) {
    save(p, meta, plan);
    BackwardMemory(p, meta, on_sm90, backward);
  }
  plan.workspace_forward(forward.bytes()).workspace_backward(backward.bytes());
}

}  // namespace vsa::gpu
