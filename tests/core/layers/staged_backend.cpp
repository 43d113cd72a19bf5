#include "staged_backend.hpp"

#include <fvattn/plugin.hpp>

namespace fvattn::test {

StagedSeen& staged_seen() {
  static StagedSeen seen;
  return seen;
}

namespace {

using plugin::Call;

struct Meta {
  double factor;
};

at::Tensor wrap(const fvattn_tensor& t) {
  if (t.ndim > 0 && t.strides[t.ndim - 1] != 1)
    plugin::fail(FVATTN_INTERNAL, "innermost stride %lld", static_cast<long long>(t.strides[t.ndim - 1]));
  if (reinterpret_cast<uintptr_t>(plugin::data(t)) % 16 != 0) plugin::fail(FVATTN_INTERNAL, "a tensor that is not aligned");
  const auto type = t.dtype_bits == 64 ? at::kDouble : at::kFloat;
  return at::from_blob(plugin::data(t), {t.shape, static_cast<size_t>(t.ndim)}, {t.strides, static_cast<size_t>(t.ndim)},
                       at::TensorOptions(type));
}

void check_workspace(const Call& call, uint64_t bytes) {
  const fvattn_buf w = call.c().workspace;
  if (w.bytes < bytes || reinterpret_cast<uintptr_t>(w.p) % 1024 != 0)
    plugin::fail(FVATTN_INTERNAL, "workspace of %llu bytes at %p", static_cast<unsigned long long>(w.bytes), w.p);
  std::memset(w.p, 0xff, bytes);
}

struct Staged {
  static constexpr const char* name = "STAGED_ATTN";
  static constexpr int64_t kPadding = 3;

  static plugin::Schema meta_keys() {
    return plugin::Schema().required("factor", plugin::kTakesF64, "scales the gate",
                                     FVATTN_KEY_SEMANTIC | FVATTN_KEY_PER_STEP);
  }
  static Meta meta_build(const fvattn_device&, const plugin::KeyValues& kvs, void*) { return {kvs.get<double>("factor")}; }
  static plugin::TensorSchema tensor_keys() {
    return plugin::TensorSchema()
        .key("gate", 4, FVATTN_DT_F64 | FVATTN_DT_F32, FVATTN_SHARD_SEQ_HEADS, "as q",
             FVATTN_TENSOR_DIFFERENTIABLE | FVATTN_TENSOR_REQUIRED)
        .key("offset", 1, FVATTN_DT_F64 | FVATTN_DT_F32, FVATTN_SHARD_REPLICATED, "[D]");
  }
  static void query(const fvattn_device&, const fvattn_problem& p, plugin::Support& s) {
    s.require(p.q_len == p.kv_len, FVATTN_R_SHAPE, "q_len %lld, kv_len %lld", static_cast<long long>(p.q_len),
              static_cast<long long>(p.kv_len))
        .score(0.1);
  }
  explicit Staged(const fvattn_impl_desc& desc) {
    ++staged_seen().created;
    staged_seen().prefix = plugin::view(desc.prefix);
  }
  ~Staged() { ++staged_seen().destroyed; }

  void plan(const fvattn_problem& p, const Meta* meta, plugin::Plan& plan) {
    if (meta == nullptr) plugin::fail(FVATTN_INTERNAL, "no metadata");
    ++staged_seen().plans;
    staged_seen().layer_index = p.layer_index;
    plan.staged(p.q_len + kPadding, p.kv_len + kPadding).workspace_stage(100).workspace_forward(200).workspace_backward(300);
    plan.c().ws_align = 1024;
    plan.save("scaled", plugin::dtype(p), {p.batch, p.q_len + kPadding, p.heads, p.head_dim})
        .output("rows", plugin::kF64, {2});
  }
  void preprocess(const Call& call) {
    check_workspace(call, 100);
    for (const char* name : {"q", "k", "v", "gate"}) {
      const at::Tensor from = wrap(call.in(name)), to = wrap(call.out(name));
      to.fill_(NAN);
      to.narrow(1, 0, from.size(1)).copy_(from.flip(1));
    }
  }
  void forward(const Call& call) {
    check_workspace(call, 200);
    StagedSeen& seen = staged_seen();
    seen.forward_step = call.step();
    seen.total_steps = call.total_steps();
    seen.timestep = call.timestep();
    seen.cfg_negative = call.cfg_negative();
    const at::Tensor q = wrap(call.in("q")), v = wrap(call.in("v")), gate = wrap(call.in("gate")), o = wrap(call.out("o"));
    const int64_t rows = q.size(1) - kPadding;
    o.fill_(NAN);
    o.narrow(1, 0, rows)
        .copy_(call.meta<Meta>()->factor * gate.narrow(1, 0, rows) * q.narrow(1, 0, rows) +
               v.narrow(1, 0, rows).mean(1, true));
    if (const fvattn_tensor* offset = call.find("offset")) o.add_(wrap(*offset));
    if (const fvattn_tensor* scaled = call.find_saved("scaled")) wrap(*scaled).copy_(call.meta<Meta>()->factor * q);
    wrap(call.out("rows")).copy_(at::tensor({static_cast<double>(rows), 7.0}, at::kDouble));
  }
  void postprocess(const Call& call) {
    check_workspace(call, 100);
    const at::Tensor to = wrap(call.out("o"));
    to.copy_(wrap(call.in("o")).narrow(1, 0, to.size(1)).flip(1));
  }
  void backward(const Call& call) {
    check_workspace(call, 300);
    staged_seen().backward_step = call.step();
    const at::Tensor d_o = wrap(call.in("d_o")), d_q = wrap(call.out("d_q")), d_v = wrap(call.out("d_v"));
    (void)call.in("o");
    d_q.copy_(call.meta<Meta>()->factor * wrap(call.in("gate")) * d_o);
    wrap(call.out("d_k")).zero_();
    d_v.copy_(d_o.mean(1, true).expand_as(d_v));
    if (const fvattn_tensor* d_gate = call.find_out("d_gate"))
      wrap(*d_gate).copy_(wrap(call.saved("scaled")).narrow(1, 0, d_o.size(1)).flip(1) * d_o);
  }
};

}  // namespace
}  // namespace fvattn::test

FVATTN_PLUGIN("test.staged", "0.0.1", "test", fvattn::test::Staged)

namespace fvattn::test {

Context& staged_context() {
  static auto* context = [] {
    auto* made = new Context(Environment::from({}));
    if (const Status status = made->registry().add(&fvattn_plugin_entry_v1); !status.ok()) throw Error(status);
    return made;
  }();
  return *context;
}

LocalAttentionOptions staged_options(int64_t heads, int64_t head_size) {
  LocalAttentionOptions options = layer_options(heads, head_size, "STAGED_ATTN");
  options.context = &staged_context();
  options.prefix = "Wan.blocks.5.attn1";
  return options;
}

}  // namespace fvattn::test
