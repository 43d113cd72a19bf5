#include "coarse_forward.hpp"
#include "dispatch.hpp"

namespace vsa::cpu {
namespace {

template <class E>
void select(const plugin::Call& call, const Schedule& schedule, plugin::Workspace& workspace, const BlockLists& lists) {
  const fvattn_problem& p = call.problem();
  const Pooled<E> pooled = Pooled<E>::take(p, schedule.blocks().count, workspace);
  pooled.compute(p, schedule.blocks(), call);
  coarse_forward<E>(p, schedule, pooled, lists, nullptr);
}

}  // namespace

KeptBlocks kept_blocks(const plugin::Call& call, const Schedule& schedule) {
  const fvattn_problem& p = call.problem();
  plugin::Workspace workspace = call.workspace();
  const BlockLists lists = BlockLists::take(call, workspace);
  if (schedule.given)
    read_given(call, schedule.blocks().count, lists);
  else
    with_element(plugin::dtype(p), [&](auto e) { select<decltype(e)>(call, schedule, workspace, lists); });
  const int64_t rows = p.batch * p.heads * schedule.blocks().count;
  return {{lists.index, lists.index + rows * lists.width}, {lists.count, lists.count + rows}, lists.width};
}

}  // namespace vsa::cpu
