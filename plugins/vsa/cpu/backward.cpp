#include "blocks_policy.hpp"
#include "coarse_backward.hpp"
#include "dispatch.hpp"

namespace vsa::cpu {
namespace {

template <class E>
struct BackwardMemory {
  using T = Accumulate<E>;
  T* delta = nullptr;
  InverseBlocks inverse;
  Pooled<E> pooled;
  CoarseGradients<E> gradients;

  BackwardMemory(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace)
      : delta(workspace.take<T>(p.batch * p.heads * p.q_len)), inverse(InverseBlocks::take(p, meta, workspace)) {
    if (!Needs(p, meta).coarse) return;
    pooled = Pooled<E>::take(p, meta.blocks().count, workspace);
    gradients = CoarseGradients<E>::take(p, meta.blocks().count, workspace);
  }
};

/// delta of the fine branch, and of a coarse branch d_out_c of each block and d_gate. The fine result is what was saved, or
/// else o - gate * out_c.
template <class E>
void split_gradient(const plugin::Call& call, const Schedule& schedule, Accumulate<E>* d_out_c, Accumulate<E>* delta) {
  using T = Accumulate<E>;
  const fvattn_problem& p = call.problem();
  const Blocks& blocks = schedule.blocks();
  const auto o = view<const E>(call.in("o")), d_o = view<const E>(call.in("d_o"));
  const auto out_s = view<const T>(call.find_saved("out_s"));
  const T* out_c = schedule.coarse ? plugin::data<const T>(call.saved("out_c")) : nullptr;
  const auto gate = view<const E>(schedule.coarse ? call.find("gate_compress") : nullptr);
  const auto d_gate = view<E>(call.find_out("d_gate_compress"));
  const int width = p.v_head_dim;
  for_each_block(p.batch, p.heads, blocks.count, [&](int batch, int head, int block) {
    T fine[256], d_result[256], scale[256], coarse[256] = {}, d_coarse[256] = {};
    const int64_t first = int64_t{batch} * p.heads + head, at = (first * blocks.count + block) * width;
    if (out_c) std::copy_n(out_c + at, width, coarse);
    std::fill_n(scale, width, T{1});
    for_each_row(blocks, block, [&](int row) {
      engine::cpu::convert_row(d_o.row(batch, row, head), d_result, width);
      if (gate.data) engine::cpu::convert_row(gate.row(batch, row, head), scale, width);
      if (out_s.data) {
        engine::cpu::convert_row(out_s.row(batch, row, head), fine, width);
      } else {
        engine::cpu::convert_row(o.row(batch, row, head), fine, width);
        for (int d = 0; d < width; ++d) fine[d] -= scale[d] * coarse[d];
      }
      T sum = 0;
      for (int d = 0; d < width; ++d) {
        sum += d_result[d] * fine[d];
        d_coarse[d] += scale[d] * d_result[d];
        d_result[d] *= coarse[d];
      }
      delta[first * p.q_len + row] = sum;
      if (d_gate.data) engine::cpu::convert_row(d_result, d_gate.row(batch, row, head), width);
    });
    if (out_c) std::copy_n(d_coarse, width, d_out_c + at);
  });
  clear_padding(blocks, d_gate, p, p.heads, width);
}

/// Every row of `to` gets its block's gradient of the mean.
template <class E>
void add_pooled(const fvattn_problem& p, const Blocks& blocks, const Accumulate<E>* pooled, int heads, int width,
                const TensorView<E>& to) {
  using T = Accumulate<E>;
  if (!to.data) return;
  for_each_block(p.batch, heads, blocks.count, [&](int batch, int head, int block) {
    T line[256];
    const T* mean = pooled + ((int64_t{batch} * heads + head) * blocks.count + block) * width;
    const auto size = static_cast<T>(blocks.sizes[static_cast<size_t>(block)]);
    for_each_row(blocks, block, [&](int row) {
      engine::cpu::convert_row(to.row(batch, row, head), line, width);
      for (int d = 0; d < width; ++d) line[d] += mean[d] / size;
      engine::cpu::convert_row(line, to.row(batch, row, head), width);
    });
  });
}

template <class E>
void run_backward(const plugin::Call& call) {
  using T = Accumulate<E>;
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const Blocks& blocks = schedule.blocks();
  plugin::Workspace workspace = call.workspace();
  const BackwardMemory<E> memory(p, schedule.meta, workspace);
  BlockLists lists;
  if (!schedule.every) {
    lists = BlockLists::take(call, workspace);
    memory.inverse.build(p, blocks.count, lists);
  }

  engine::cpu::BackwardArgs<E> args;
  set_sizes(args, p);
  args.q = view<const E>(call.in("q"));
  args.k = view<const E>(call.in("k"));
  args.v = view<const E>(call.in("v"));
  args.d_o = view<const E>(call.in("d_o"));
  args.saved_lse = plugin::data<const T>(call.saved("lse"));
  args.delta = memory.delta;
  args.delta_ready = true;
  args.d_q = view<E>(call.find_out("d_q"));
  args.d_k = view<E>(call.find_out("d_k"));
  args.d_v = view<E>(call.find_out("d_v"));
  split_gradient<E>(call, schedule, memory.gradients.out, memory.delta);
  const BlocksPolicy policy(schedule, p, lists, memory.inverse);
  with_tile(blocks, [&](auto tile) { engine::cpu::backward<decltype(tile)>(args, policy, on_host_threads); });
  clear_padding(blocks, args.d_q, p, p.heads, p.head_dim);
  clear_padding(blocks, args.d_k, p, p.kv_heads, p.head_dim);
  clear_padding(blocks, args.d_v, p, p.kv_heads, p.v_head_dim);
  if (!schedule.coarse) return;
  memory.pooled.compute(p, blocks, call);
  coarse_backward<E>(p, blocks.count, memory.pooled, memory.gradients);
  add_pooled<E>(p, blocks, memory.gradients.q, p.heads, p.head_dim, args.d_q);
  add_pooled<E>(p, blocks, memory.gradients.k, p.kv_heads, p.head_dim, args.d_k);
  add_pooled<E>(p, blocks, memory.gradients.v, p.kv_heads, p.v_head_dim, args.d_v);
}

}  // namespace

uint64_t backward_bytes(const fvattn_problem& p, const Metadata& meta) {
  plugin::Workspace workspace;
  with_element(plugin::dtype(p), [&](auto e) { BackwardMemory<decltype(e)>(p, meta, workspace); });
  return workspace.bytes();
}

void backward(const plugin::Call& call) {
  with_element(plugin::dtype(call.problem()), [&](auto e) { run_backward<decltype(e)>(call); });
}

}  // namespace vsa::cpu
