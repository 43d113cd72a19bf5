#include "dispatch.hpp"
#include "raster.hpp"

namespace sta::cpu {

void backward(const plugin::Call& call) {
  const fvattn_problem& p = call.problem();
  const auto& schedule = call.plan_state<Schedule>();
  const Extent3* windows = schedule.windows_at(call.step(), call.total_steps());
  plugin::Workspace workspace = call.workspace();
  with_element(plugin::dtype(p), [&](auto element) {
    using E = decltype(element);
    using Statistic = engine::cpu::Accumulate<E>;
    Raster<E> raster(schedule.raster_rows(), workspace);
    engine::cpu::BackwardArgs<E> args;
    set_sizes(args, p);
    args.q = raster.in(call.in("q"));
    args.k = raster.in(call.in("k"));
    args.v = raster.in(call.in("v"));
    args.o = raster.in(call.in("o"));
    args.d_o = raster.in(call.in("d_o"));
    args.saved_lse = plugin::data<const Statistic>(call.saved("lse"));
    args.delta = workspace.take<Statistic>(p.batch * p.heads * p.q_len);
    if (const fvattn_tensor* d_q = call.find_out("d_q")) args.d_q = raster.out(*d_q);
    const fvattn_tensor *d_k = call.find_out("d_k"), *d_v = call.find_out("d_v");
    if (d_k) args.d_k = raster.out(*d_k);
    if (d_v) args.d_v = raster.out(*d_v);
    schedule.visit(windows, Tile::kTileQ, Tile::kTileKv,
                   [&](const auto& policy) { engine::cpu::backward(args, policy, on_host_threads); });
    raster.finish();
  });
}

}  // namespace sta::cpu
