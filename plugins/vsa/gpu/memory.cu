#include "memory.cuh"

#include "arguments.cuh"

namespace vsa::gpu {

using namespace plugin;

namespace {

template <class T>
void replace(const Call& call, const char* name, T*& data) {
  if (const fvattn_tensor* saved = call.find_saved(name)) data = plugin::data<T>(*saved);
}

}  // namespace

ForwardMemory::ForwardMemory(const fvattn_problem& p, const Metadata& meta, Workspace& workspace) {
  const Needs needs(p, meta);
  const int blocks = meta.blocks().count;
  const int64_t rows = p.batch * p.heads * blocks;
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

BackwardMemory::BackwardMemory(const fvattn_problem& p, const Metadata& meta, Workspace& workspace) {
  const Needs needs(p, meta);
  const int blocks = meta.blocks().count;
  const int64_t rows = p.batch * p.heads * blocks;
  fine = workspace.take<char>(static_cast<int64_t>(sm80_backward_bytes(backward_sizes(p, p.q_len))));
  if (needs.lists) {
    inverse = workspace.take<int>(rows * needs.width);
    offsets = workspace.take<long long>(rows + 1);
    totals = workspace.take<int>(rows);
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
