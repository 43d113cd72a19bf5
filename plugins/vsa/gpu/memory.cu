#include "memory.cuh"

#include "arguments.cuh"
#include "key_order.hpp"

#include <fvattn/engine/sm90/backward_workspace.hpp>

namespace vsa::gpu {

using namespace plugin;

namespace {

template <class T>
void replace(const Call& call, const char* name, T*& data) {
  if (const fvattn_tensor* saved = call.find_saved(name)) data = plugin::data<T>(*saved);
}

std::size_t sm90_backward_bytes(const fvattn_problem& p, const Metadata& meta) {
  const BlockMap map = block_map(meta.blocks());
  std::size_t bytes = 0;
  HeadDims::visit(p.head_dim, [&](auto dim) {
    constexpr int kDim = decltype(dim)::value;
    if constexpr (kHasSm90Backward<kDim>)
      bytes = sm90::backward_workspace_bytes<Sm90Backward<kDim>>(backward_sizes(p, p.q_len),
                                                                 sm90_policy({map, map, {}, {}, true}));
  });
  return bytes;
}

}  // namespace

bool backward_on_sm90(const fvattn_problem& p, const Metadata& meta, bool hopper) {
  bool has_kernel = false;
  HeadDims::visit(p.head_dim, [&](auto dim) { has_kernel = kHasSm90Backward<decltype(dim)::value>; });
  return hopper && has_kernel &&
         serves_sm90_backward(block_map(meta.blocks()), (p.flags & FVATTN_PROBLEM_NEED_DETERMINISM) != 0);
}

ForwardMemory::ForwardMemory(const fvattn_problem& p, const Metadata& meta, Workspace& workspace) {
  const Needs needs(p, meta);
  const int blocks = meta.blocks().count;
  const int64_t rows = p.batch * p.heads * blocks;
  handed_out = workspace.take<int>(1);
  if (needs.lists) lists = {workspace.take<int>(rows * needs.width), workspace.take<int>(rows), needs.width};
  if (!needs.coarse) return;
  q_c = BlockTensor::take(p, blocks, p.heads, workspace);
  k_c = BlockTensor::take(p, blocks, p.kv_heads, workspace);
  v_c = BlockTensor::take(p, blocks, p.kv_heads, workspace);
  out_c = BlockTensor::take(p, blocks, p.heads, workspace);
}

void ForwardMemory::use_saved(const Call& call) {
  replace(call, "block_index", lists.index);
  replace(call, "block_count", lists.count);
  replace(call, "q_c", q_c.data);
  replace(call, "k_c", k_c.data);
  replace(call, "v_c", v_c.data);
  replace(call, "out_c", out_c.data);
  replace(call, "lse_c", lse_c);
}

BackwardMemory::BackwardMemory(const fvattn_problem& p, const Metadata& meta, bool on_sm90, Workspace& workspace) {
  const Needs needs(p, meta);
  const int blocks = meta.blocks().count;
  const int64_t rows = p.batch * p.heads * blocks;
  fine = workspace.take<char>(static_cast<int64_t>(on_sm90 ? sm90_backward_bytes(p, meta)
                                                           : sm80_backward_bytes(backward_sizes(p, p.q_len))));
  if (needs.lists) {
    inverse = workspace.take<int>(rows * needs.width);
    offsets = workspace.take<long long>(rows + 1);
    totals = workspace.take<int>(rows);
    if (on_sm90 && int64_t{p.kv_heads} * blocks <= kMostOrdered) order = workspace.take<int>(p.batch * p.kv_heads * blocks);
  }
  if (!needs.coarse) return;
  coarse = workspace.take<char>(static_cast<int64_t>(sm80_backward_bytes(backward_sizes(p, blocks))));
  delta = workspace.take<float>(p.batch * p.heads * p.q_len);
  d_out_c = BlockTensor::take(p, blocks, p.heads, workspace);
  d_q_c = BlockTensor::take(p, blocks, p.heads, workspace);
  d_k_c = BlockTensor::take(p, blocks, p.kv_heads, workspace);
  d_v_c = BlockTensor::take(p, blocks, p.kv_heads, workspace);
}

}  // namespace vsa::gpu
