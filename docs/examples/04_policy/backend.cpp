// SLIDING_WINDOW_ATTN: the policy of sliding_window.hpp on the cpu engine, forward and backward.
#include <fvattn/engine/cpu/plugin_call.hpp>

#include <algorithm>

#include "sliding_window.hpp"

using namespace fvattn::plugin;
namespace cpu = fvattn::engine::cpu;

namespace {

class Backend {
 public:
  static constexpr const char* name = "SLIDING_WINDOW_ATTN";
  static constexpr const char* doc = "each query sees the keys at most `radius` places away";
  static constexpr bool approximate = true;

  static Schema meta_keys() { return Schema().key("radius", 64, "keys seen on each side of a query"); }

  static void query(const fvattn_device& device, const fvattn_problem& p, Support& support) {
    support.require(device.type == FVATTN_CPU, FVATTN_R_ARCH, "it runs on the CPU")
        .require(dtype(p) == kF32, FVATTN_R_DTYPE, "%s came, float32 is accepted", to_string(dtype(p)).c_str())
        .require(!(p.flags & FVATTN_PROBLEM_CAUSAL), FVATTN_R_CAUSAL, "the window is symmetric")
        .require(!(p.flags & FVATTN_PROBLEM_VARLEN), FVATTN_R_VARLEN, "one length for all sequences is accepted")
        .require(p.head_dim <= 256 && p.v_head_dim <= 256, FVATTN_R_HEAD_DIM, "head dims up to 256 are accepted")
        .require(p.dropout_p == 0, FVATTN_R_DROPOUT, "it has no dropout")
        .score(0.5);
  }

  explicit Backend(const fvattn_impl_desc&) {}

  void plan(const fvattn_problem& p, const void*, Plan& plan) {
    plan.flags(FVATTN_PLAN_DETERMINISTIC);
    if (!(p.flags & FVATTN_PROBLEM_NEED_GRAD)) return;
    Workspace workspace;
    delta(p, workspace);
    plan.save("lse", kF32, {p.batch, p.heads, p.q_len}).workspace_backward(workspace.bytes());
  }

  void forward(const Call& call) {
    cpu::ForwardArgs<float> args;
    inputs(args, call);
    args.o = cpu::view<float>(call.out("o"));
    if (const fvattn_tensor* lse = call.find_out("lse")) args.lse = data<float>(*lse);
    if (const fvattn_tensor* lse = call.find_saved("lse")) args.saved_lse = data<float>(*lse);
    cpu::forward(args, policy(call), cpu::on_host_threads);
  }

  void backward(const Call& call) {
    cpu::BackwardArgs<float> args;
    inputs(args, call);
    args.o = cpu::view<const float>(call.in("o"));
    args.d_o = cpu::view<const float>(call.in("d_o"));
    args.saved_lse = data<const float>(call.saved("lse"));
    Workspace workspace = call.workspace();
    args.delta = delta(call.problem(), workspace);
    args.d_q = cpu::view<float>(call.out("d_q"));
    args.d_k = cpu::view<float>(call.out("d_k"));
    args.d_v = cpu::view<float>(call.out("d_v"));
    cpu::backward(args, policy(call), cpu::on_host_threads);
  }

 private:
  static float* delta(const fvattn_problem& p, Workspace& workspace) {
    return workspace.take<float>(p.batch * p.heads * p.q_len);
  }

  static SlidingWindow policy(const Call& call) {
    const fvattn_problem& p = call.problem();
    const auto radius = call.meta_values().get<int32_t>("radius");
    if (radius < 0) fail(FVATTN_INVALID_ARGUMENT, "radius is %d, 0 or more is accepted", radius);
    return {{static_cast<int>(p.q_len)}, {static_cast<int>(p.kv_len)}, std::min<int32_t>(radius, 1 << 30)};
  }

  template <class Args>
  static void inputs(Args& args, const Call& call) {
    cpu::set_sizes(args, call.problem());
    args.q = cpu::view<const float>(call.in("q"));
    args.k = cpu::view<const float>(call.in("k"));
    args.v = cpu::view<const float>(call.in("v"));
  }
};

}  // namespace

FVATTN_PLUGIN("org.example.sliding_window", "0.1.0", "Example", Backend)
