#include "arguments.hpp"
#include "dispatch.hpp"
#include "gather_backward.hpp"
#include "schedule.hpp"

namespace vmoba::cpu {

void backward(const plugin::Call& call) {
  const fvattn_problem& p = call.problem();
  plugin::Workspace workspace = call.workspace();
  const Schedule schedule(call);
  with_element(plugin::dtype(p), [&](auto element) {
    using E = decltype(element);
    engine::cpu::BackwardArgs<E> args;
    set_sizes(args, p);
    args.q = view<const E>(call.in("q"));
    args.k = view<const E>(call.in("k"));
    args.v = view<const E>(call.in("v"));
    args.o = view<const E>(call.in("o"));
    args.d_o = view<const E>(call.in("d_o"));
    args.saved_lse = plugin::data<const engine::cpu::Accumulate<E>>(call.saved("lse"));
    args.delta = workspace.take<engine::cpu::Accumulate<E>>(p.batch * p.heads * p.q_len);
    if (const fvattn_tensor* d_q = call.find_out("d_q")) args.d_q = view<E>(*d_q);
    const fvattn_tensor *d_k = call.find_out("d_k"), *d_v = call.find_out("d_v");
    if (d_k) args.d_k = view<E>(*d_k);
    if (d_v) args.d_v = view<E>(*d_v);
    if (schedule.dense())
      return schedule.visit_dense([&](const auto& policy) { engine::cpu::backward(args, policy, on_host_threads); });
    const auto* bits = plugin::data<const std::uint32_t>(call.saved("chunks"));
    schedule.visit_chunks([&](const auto& chunks) {
      gather_backward(args, schedule.partition(), chunks, bits, schedule.limits().words());
    });
  });
}

}  // namespace vmoba::cpu
