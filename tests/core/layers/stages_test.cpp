// What a call hands to a backend: stages, saved tensors, outputs, metadata, step, prefix.
#include "staged_backend.hpp"

using namespace fvattn;
using namespace fvattn::test;

namespace {

struct Made {
  LocalAttention layer{staged_options(2, 8)};
  QKV t = random_qkv(2, 5, 5, 2, 2, 8, at::TensorOptions(at::kDouble));
  at::Tensor gate = at::randn({2, 5, 2, 8}, at::kDouble);

  ForwardContext context(double factor, int64_t step = 0) const {
    ForwardContext made;
    made.step = step;
    made.add(staged_context().metadata_builder("STAGED_ATTN").value()->build({{"factor", factor}}).value());
    return made;
  }
  at::Tensor expected(double factor) const { return factor * gate * t.q + t.v.mean(1, true); }
};

}  // namespace

TEST_CASE("stages, further outputs, step and prefix reach the backend") {
  Made m;
  ForwardContext context = m.context(1.5, 6);
  context.total_steps = 20;
  context.timestep = 777.5;
  context.is_cfg_negative = true;
  const ForwardContextScope scope(context);
  const at::Tensor offset = at::randn({8}, at::kDouble);
  const AttentionOutputs outputs = m.layer->forward_all(m.t.q, m.t.k, m.t.v, {{{"gate", m.gate}, {"offset", offset}}, {}});
  CHECK(relative_error(outputs.o, m.expected(1.5) + offset) < 1e-14);
  CHECK(at::equal(outputs.named.at("rows"), at::tensor({5.0, 7.0}, at::kDouble)));
  const StagedSeen& seen = staged_seen();
  CHECK(seen.forward_step == 6);
  CHECK(seen.total_steps == 20);
  CHECK(seen.timestep == 777.5);
  CHECK(seen.cfg_negative);
  CHECK(seen.prefix == "Wan.blocks.5.attn1");
  CHECK(seen.layer_index == 5);
}

TEST_CASE("saved tensors come back in backward, gradients of differentiable extras too") {
  Made m;
  const ForwardContextScope scope(m.context(2));
  std::vector<at::Tensor> leaves{m.t.q.requires_grad_(true), m.t.v.requires_grad_(true), m.gate.requires_grad_(true)};
  const at::Tensor o = m.layer->forward(m.t.q, m.t.k, m.t.v, {{{"gate", m.gate}}, {}});
  const at::Tensor d_o = at::randn_like(o);
  const auto got = torch::autograd::grad({o}, leaves, {d_o}), want = torch::autograd::grad({m.expected(2)}, leaves, {d_o});
  for (size_t i = 0; i < leaves.size(); ++i) CHECK(relative_error(got[i], want[i]) < 1e-14);
}

TEST_CASE("gradients that nobody asked for are not asked of the backend") {
  Made m;
  const ForwardContextScope scope(m.context(2));
  m.t.q.requires_grad_(true);
  m.layer->forward(m.t.q, m.t.k, m.t.v, {{{"gate", m.gate}}, {}}).sum().backward();  // d_o is one number, expanded
  CHECK(relative_error(m.t.q.grad(), 2 * m.gate) < 1e-14);
  CHECK_FALSE(m.gate.grad().defined());
}

TEST_CASE("missing and misplaced metadata") {
  Made m;
  const Extras extras{{{"gate", m.gate}}, {}};
  const std::string nothing = error_of([&] { m.layer->forward(m.t.q, m.t.k, m.t.v, extras); });
  CHECK_CONTAINS(nothing, "key 'factor' is required");
  CHECK_CONTAINS(nothing, "ForwardContextScope");
  CHECK_CONTAINS(nothing, "layer Wan.blocks.5.attn1");
  {
    const ForwardContextScope empty(ForwardContext{});
    CHECK_CONTAINS(error_of([&] { m.layer->forward(m.t.q, m.t.k, m.t.v, extras); }), "'factor'");
  }
  // Another backend ignores it.
  const ForwardContextScope scope(m.context(2));
  LocalAttention sdpa(layer_options(2, 8));
  CHECK(sdpa->forward(m.t.q, m.t.k, m.t.v).defined());
  CHECK_CONTAINS(error_of([&] { m.layer->forward(m.t.q, m.t.k, m.t.v); }), "gate");
}

TEST_CASE("a key of a step makes no new plan, and the plan sees the latest value") {
  Made m;
  const int before = staged_seen().plans;
  for (int step = 0; step < 4; ++step) {
    const ForwardContextScope scope(m.context(step + 1, step));
    CHECK(relative_error(m.layer->forward(m.t.q, m.t.k, m.t.v, {{{"gate", m.gate}}, {}}), m.expected(step + 1)) < 1e-14);
  }
  CHECK(staged_seen().plans == before + 1);
}

TEST_CASE("tensors that a plugin may not see are copied, once and counted") {
  Made m;
  const ForwardContextScope scope(m.context(1));
  const at::Tensor memory = at::randn({2 * 5 * 2 * 8 + 1}, at::kDouble);
  const at::Tensor shifted = memory.narrow(0, 1, 160).view({2, 5, 2, 8});  // 8 bytes off
  const at::Tensor expanded = at::randn({2, 5, 2, 1}, at::kDouble).expand({2, 5, 2, 8});
  const at::Tensor o = m.layer->forward(shifted, m.t.k, m.t.v, {{{"gate", expanded}}, {}});
  CHECK(relative_error(o, expanded * shifted + m.t.v.mean(1, true)) < 1e-14);
  CHECK(m.layer->counters().tensor_copies == 2);
}

TEST_CASE("a layer destroys its instances, also when a graph outlives it") {
  const int before = staged_seen().created - staged_seen().destroyed;
  at::Tensor o, q;
  {
    Made m;
    const ForwardContextScope scope(m.context(2));
    q = m.t.q.requires_grad_(true);
    o = m.layer->forward(m.t.q, m.t.k, m.t.v, {{{"gate", m.gate}}, {}});
  }
  CHECK(staged_seen().created - staged_seen().destroyed == before + 1);
  CHECK(torch::autograd::grad({o.sum()}, {q})[0].defined());
  o.reset();
  CHECK(staged_seen().created - staged_seen().destroyed == before);
}
