#include "dispatch.hpp"
#include "raster.hpp"
#include "search.hpp"

namespace sta::cpu {

void forward(const plugin::Call& call) {
  const fvattn_problem& p = call.problem();
  const auto& schedule = call.plan_state<Schedule>();
  const Extent3* windows = schedule.windows_at(call.step(), call.total_steps());
  plugin::Workspace workspace = call.workspace();
  with_element(plugin::dtype(p), [&](auto element) {
    using E = decltype(element);
    Raster<E> raster(schedule.raster_rows(), workspace);
    engine::cpu::ForwardArgs<E> args;
    set_sizes(args, p);
    args.q = raster.in(call.in("q"));
    args.k = raster.in(call.in("k"));
    args.v = raster.in(call.in("v"));
    args.o = raster.out(call.out("o"));
    if (const fvattn_tensor* lse = call.find_out("lse")) args.lse = raster.lse(*lse);
    if (const fvattn_tensor* lse = call.find_saved("lse")) args.saved_lse = plugin::data<engine::cpu::Accumulate<E>>(*lse);
    schedule.visit(windows, Tile::kTileQ, Tile::kTileKv,
                   [&](const auto& policy) { engine::cpu::forward(args, policy, on_host_threads); });
    if (schedule.candidates() > 0) search(call, args, schedule, workspace);
    raster.finish();
  });
}

}  // namespace sta::cpu
