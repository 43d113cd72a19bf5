#include "blocks_policy.hpp"
#include "coarse_forward.hpp"
#include "dispatch.hpp"

namespace vsa::cpu {
namespace {

/// The fine result as the engine writes it: `o` itself, or float32 for 16-bit types, which are rounded once at the end.
template <class E>
inline constexpr bool kInPlace = std::is_same_v<E, Accumulate<E>>;

template <class E>
struct ForwardMemory {
  using T = Accumulate<E>;
  BlockLists lists;
  Pooled<E> pooled;
  T *out_c = nullptr, *out_s = nullptr;

  void take_coarse(const fvattn_problem& p, const Metadata& meta, plugin::Workspace& workspace) {
    pooled = Pooled<E>::take(p, meta.blocks().count, workspace);
    out_c = workspace.take<T>(p.batch * p.heads * meta.blocks().count * p.v_head_dim);
  }
  void take_fine(const fvattn_problem& p, plugin::Workspace& workspace) {
    if (!kInPlace<E>) out_s = workspace.take<T>(p.batch * p.q_len * p.heads * p.v_head_dim);
  }
};

/// o = out_s, + gate * out_c where there is a coarse branch (gate 1 without one).
template <class E>
void combine(const plugin::Call& call, const Schedule& schedule, const TensorView<Accumulate<E>>& out_s,
             const Accumulate<E>* out_c) {
  using T = Accumulate<E>;
  const fvattn_problem& p = call.problem();
  const Blocks& blocks = schedule.blocks();
  const auto o = view<E>(call.out("o"));
  const auto gate = view<const E>(call.find("gate_compress"));
  const int width = p.v_head_dim;
  for_each_block(p.batch, p.heads, blocks.count, [&](int batch, int head, int block) {
    T line[256], scale[256];
    std::fill_n(scale, width, T{1});
    const int64_t at = ((int64_t{batch} * p.heads + head) * blocks.count + block) * width;
    for_each_row(blocks, block, [&](int row) {
      engine::cpu::convert_row(out_s.row(batch, row, head), line, width);
      if (gate.data) engine::cpu::convert_row(gate.row(batch, row, head), scale, width);
      for (int d = 0; schedule.coarse && d < width; ++d) line[d] += scale[d] * out_c[at + d];
      engine::cpu::convert_row(line, o.row(batch, row, head), width);
    });
  });
}

template <class E>
void run_forward(const plugin::Call& call) {
  using T = Accumulate<E>;
  const fvattn_problem& p = call.problem();
  const Schedule schedule(call);
  const Blocks& blocks = schedule.blocks();
  plugin::Workspace workspace = call.workspace();
  ForwardMemory<E> memory;
  memory.lists = BlockLists::take(call, workspace);
  if (schedule.given) read_given(call, blocks.count, memory.lists);
  if (schedule.coarse) {
    memory.take_coarse(p, schedule.meta, workspace);
    if (const fvattn_tensor* saved = call.find_saved("out_c")) memory.out_c = plugin::data<T>(*saved);
    memory.pooled.compute(p, blocks, call);
    coarse_forward<E>(p, schedule, memory.pooled, memory.lists, memory.out_c);
  }

  if (const fvattn_tensor* saved = call.find_saved("out_s"))
    memory.out_s = plugin::data<T>(*saved);
  else
    memory.take_fine(p, workspace);

  engine::cpu::ForwardArgs<E, T> args;
  set_sizes(args, p);
  args.q = view<const E>(call.in("q"));
  args.k = view<const E>(call.in("k"));
  args.v = view<const E>(call.in("v"));
  const int64_t width = int64_t{p.heads} * p.v_head_dim;
  if constexpr (kInPlace<E>)
    args.o = view<E>(call.out("o"));
  else
    args.o = {memory.out_s, p.q_len * width, width, p.v_head_dim};
  if (const fvattn_tensor* lse = call.find_out("lse")) args.lse = plugin::data<float>(*lse);
  if (const fvattn_tensor* lse = call.find_saved("lse")) args.saved_lse = plugin::data<T>(*lse);
  if (blocks.tiled) {
    const int64_t rows = p.batch * p.heads * p.q_len;
    if (args.lse) std::fill_n(args.lse, rows, -std::numeric_limits<float>::infinity());
    if (args.saved_lse) std::fill_n(args.saved_lse, rows, -std::numeric_limits<T>::infinity());
    clear_padding(blocks, view<E>(call.out("o")), p, p.heads, p.v_head_dim);
  }
  const BlocksPolicy policy(schedule, p, memory.lists);
  with_tile(blocks, [&](auto tile) { engine::cpu::forward<decltype(tile)>(args, policy, on_host_threads); });
  if (schedule.coarse || !kInPlace<E>) combine<E>(call, schedule, args.o, memory.out_c);
}

}  // namespace

uint64_t forward_bytes(const fvattn_problem& p, const Metadata& meta) {
  plugin::Workspace workspace;
  BlockLists::measure(p, meta, workspace);
  with_element(plugin::dtype(p), [&](auto e) {
    ForwardMemory<decltype(e)> memory;
    if (Needs(p, meta).coarse) memory.take_coarse(p, meta, workspace);
    if (!(p.flags & FVATTN_PROBLEM_NEED_GRAD)) memory.take_fine(p, workspace);
  });
  return workspace.bytes();
}

void forward(const plugin::Call& call) {
  with_element(plugin::dtype(call.problem()), [&](auto e) { run_forward<decltype(e)>(call); });
}

}  // namespace vsa::cpu
