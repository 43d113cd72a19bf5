#include "arguments.hpp"
#include "dispatch.hpp"
#include "gather_forward.hpp"
#include "schedule.hpp"

namespace vmoba::cpu {

void forward(const plugin::Call& call) {
  const fvattn_problem& p = call.problem();
  plugin::Workspace workspace = call.workspace();
  const Schedule schedule(call);
  std::uint32_t* bits = nullptr;
  if (!schedule.dense()) {
    const Selection selection(p, config_of(call), schedule.limits(), workspace);
    const fvattn_tensor* saved = call.find_saved("chunks");
    bits = saved ? plugin::data<std::uint32_t>(*saved)
                 : workspace.take<std::uint32_t>(p.batch * p.heads * p.q_len * schedule.limits().words());
    selection.run(call, schedule.partition(), bits);
  }
  with_element(plugin::dtype(p), [&](auto element) {
    using E = decltype(element);
    engine::cpu::ForwardArgs<E> args;
    set_sizes(args, p);
    args.q = view<const E>(call.in("q"));
    args.k = view<const E>(call.in("k"));
    args.v = view<const E>(call.in("v"));
    args.o = view<E>(call.out("o"));
    if (const fvattn_tensor* lse = call.find_out("lse")) args.lse = plugin::data<float>(*lse);
    if (const fvattn_tensor* lse = call.find_saved("lse")) args.saved_lse = plugin::data<engine::cpu::Accumulate<E>>(*lse);
    if (schedule.dense())
      return schedule.visit_dense([&](const auto& policy) { engine::cpu::forward(args, policy, on_host_threads); });
    schedule.visit_chunks([&](const auto& chunks) {
      gather_forward(args, schedule.partition(), chunks, bits, schedule.limits().words());
    });
  });
}

}  // namespace vmoba::cpu
